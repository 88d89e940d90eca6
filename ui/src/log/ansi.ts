/**
 * Parses the terminal sequences in a line. SGR (ECMA-48 8.3.117, with the 256 colours and true colours
 * of xterm) becomes spans. All other sequences are removed, as the core does for its patterns.
 */

/** One of the 256 colours of the palette, or red, green and blue in 24 bits above `TRUE_COLOUR`. */
export type Colour = number;

/** The number that is added to 0xRRGGBB. */
export const TRUE_COLOUR = 0x1000000;

/** The style of text. Immutable, so that it can be compared and cached. */
export interface Pen {
  readonly foreground: Colour | null;
  readonly background: Colour | null;
  readonly bold: boolean;
  readonly dim: boolean;
  readonly italic: boolean;
  readonly underline: boolean;
  readonly strike: boolean;
  readonly inverse: boolean;
}

/** Text with one pen. */
export interface Span {
  readonly text: string;
  readonly pen: Pen;
}

/** A line without its sequences. */
export interface Styled {
  readonly plain: string;
  readonly spans: readonly Span[];
  /** The pen at the beginning of the program's next line: colours last until they are reset. */
  readonly pen: Pen;
}

export const PLAIN: Pen = Object.freeze({
  foreground: null,
  background: null,
  bold: false,
  dim: false,
  italic: false,
  underline: false,
  strike: false,
  inverse: false,
});

const CONTROL = /[\u0000-\u0008\u000a-\u001f\u007f]/;

/*
 * CSI up to its final character; OSC and the other strings up to BEL or ST; a character set; any other
 * escape with the character after it; single control characters. An incomplete sequence extends to the end.
 */
const SEQUENCE =
  /\u001b\[([^@-~]*)([@-~]|$)|\u001b[\]PX^_](?:[^\u0007\u001b]|\u001b(?!\\))*(?:\u0007|\u001b\\|$)|\u001b[()*+][^]?|\u001b[^]?|[\u0000-\u0008\u000a-\u001a\u001c-\u001f\u007f]/g;

/** Parses a line. `pen` is the pen at the end of the line before. */
export function read(text: string, pen: Pen = PLAIN): Styled {
  if (!CONTROL.test(text)) {
    return { plain: text, spans: text === "" ? [] : [{ text, pen }], pen };
  }
  const spans: Span[] = [];
  let plain = "";
  let from = 0;
  const add = (part: string) => {
    if (part === "") return;
    plain += part;
    const last = spans.at(-1);
    if (last?.pen === pen) {
      spans[spans.length - 1] = { text: last.text + part, pen };
    } else {
      spans.push({ text: part, pen });
    }
  };
  for (const found of text.matchAll(SEQUENCE)) {
    add(text.slice(from, found.index));
    from = found.index + found[0].length;
    if (found[2] === "m") pen = select(pen, found[1] ?? "");
  }
  add(text.slice(from));
  return { plain, spans, pen };
}

/** The pen after `CSI parameters m`. */
function select(before: Pen, parameters: string): Pen {
  if (!/^[\d;:]*$/.test(parameters)) return before;
  let pen: Pen = before;
  const codes = parameters.split(";");
  for (let at = 0; at < codes.length; at += 1) {
    const parts = (codes[at] ?? "").split(":");
    const code = Number(parts[0]);
    if (code === 38 || code === 48) {
      // `38;5;n` has several parameters, `38:5:n` is one parameter with parts.
      const apart = parts.length === 1;
      const rest = apart ? codes.slice(at + 1) : parts.slice(1);
      const { colour, taken } = extended(rest, apart);
      if (apart) at += taken;
      if (colour !== null) {
        pen = { ...pen, [code === 38 ? "foreground" : "background"]: colour };
      }
    } else {
      pen = simple(pen, code, parts[1]);
    }
  }
  return same(pen, PLAIN) ? PLAIN : pen;
}

function simple(pen: Pen, code: number, style: string | undefined): Pen {
  if (code >= 30 && code <= 37) return { ...pen, foreground: code - 30 };
  if (code >= 40 && code <= 47) return { ...pen, background: code - 40 };
  if (code >= 90 && code <= 97) return { ...pen, foreground: code - 90 + 8 };
  if (code >= 100 && code <= 107) return { ...pen, background: code - 100 + 8 };
  switch (code) {
    case 0:
      return PLAIN;
    case 1:
      return { ...pen, bold: true };
    case 2:
      return { ...pen, dim: true };
    case 3:
      return { ...pen, italic: true };
    case 4:
      return { ...pen, underline: style !== "0" };
    case 7:
      return { ...pen, inverse: true };
    case 9:
      return { ...pen, strike: true };
    case 21:
      return { ...pen, underline: true };
    case 22:
      return { ...pen, bold: false, dim: false };
    case 23:
      return { ...pen, italic: false };
    case 24:
      return { ...pen, underline: false };
    case 27:
      return { ...pen, inverse: false };
    case 29:
      return { ...pen, strike: false };
    case 39:
      return { ...pen, foreground: null };
    case 49:
      return { ...pen, background: null };
    default:
      return pen;
  }
}

/** The colour after `38` or `48`, and the number of its parameters. */
function extended(rest: string[], apart: boolean): { colour: Colour | null; taken: number } {
  const byte = (text: string | undefined) => {
    const value = Number(text ?? "");
    return value <= 255 ? value : null;
  };
  if (rest[0] === "5") return { colour: byte(rest[1]), taken: 2 };
  if (rest[0] !== "2") return { colour: null, taken: 0 };
  // With colons there may be an (empty) colour space before the three.
  const three = !apart && rest.length > 4 ? rest.slice(2, 5) : rest.slice(1, 4);
  const [red, green, blue] = three.map(byte);
  if (red == null || green == null || blue == null) return { colour: null, taken: 4 };
  return { colour: TRUE_COLOUR + red * 0x10000 + green * 0x100 + blue, taken: 4 };
}

function same(a: Pen, b: Pen): boolean {
  return (Object.keys(PLAIN) as (keyof Pen)[]).every((key) => a[key] === b[key]);
}
