/** A search. */

export interface Search {
  readonly text: string;
  readonly regex: boolean;
  readonly matchCase: boolean;
}

/** The start and the end (exclusive) in the plain text of a line. */
export type Range = readonly [number, number];

export type Query =
  | { kind: "nothing" }
  | { kind: "wrong"; message: string }
  | { kind: "query"; matches: (plain: string) => boolean; ranges: (plain: string) => Range[] };

/** The maximum number of highlights in a line. */
const MOST = 500;

/** Compiles a search for many lines. */
export function compile({ text, regex, matchCase }: Search): Query {
  if (text === "") return { kind: "nothing" };
  const source = regex ? text : text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&").replace(/\\-/g, "-");
  try {
    const all = new RegExp(source, matchCase ? "gu" : "giu");
    const one = new RegExp(source, matchCase ? "u" : "iu");
    return {
      kind: "query",
      matches: quick(text, regex, matchCase) ?? ((plain) => one.test(plain)),
      ranges: (plain) => rangesOf(all, plain),
    };
  } catch (error) {
    return { kind: "wrong", message: reason(error) };
  }
}

/** A search for a literal text with case. */
function quick(text: string, regex: boolean, matchCase: boolean) {
  return !regex && matchCase ? (plain: string) => plain.includes(text) : null;
}

function rangesOf(pattern: RegExp, plain: string): Range[] {
  const ranges: Range[] = [];
  for (const found of plain.matchAll(pattern)) {
    // A pattern with an empty match (`a*`) matches the line without a highlight.
    if (found[0] !== "") ranges.push([found.index, found.index + found[0].length]);
    if (ranges.length === MOST) break;
  }
  return ranges;
}

/** The error of the browser, without its "Invalid regular expression: /…/iu:". */
function reason(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const said = message
    .replace(/^Invalid regular expression:\s*/, "")
    .replace(/^\/.*\/[a-z]*:\s*/s, "");
  return said === "" ? "not a regular expression" : said;
}
