import { describe, expect, test } from "vitest";

import { PLAIN, TRUE_COLOUR, read, type Pen } from "./ansi";

const E = "\u001b";

/** The attributes of each span that differ from plain text. */
function spans(text: string, pen: Pen = PLAIN) {
  return read(text, pen).spans.map((span) => {
    const differs = Object.entries(span.pen).filter(
      ([key, value]) => PLAIN[key as keyof Pen] !== value,
    );
    return [span.text, Object.fromEntries(differs)];
  });
}

describe("colours", () => {
  test("text without sequences is one span", () => {
    expect(spans("ready in 120 ms\t✓")).toEqual([["ready in 120 ms\t✓", {}]]);
    expect(spans("")).toEqual([]);
  });

  test.each([
    [
      `${E}[32mINFO${E}[0m: ready`,
      [
        ["INFO", { foreground: 2 }],
        [": ready", {}],
      ],
    ],
    [
      `${E}[31mred${E}[39m not`,
      [
        ["red", { foreground: 1 }],
        [" not", {}],
      ],
    ],
    [`${E}[91;44mFAIL${E}[m`, [["FAIL", { foreground: 9, background: 4 }]]],
    [`${E}[103mx`, [["x", { background: 11 }]]],
    [`${E}[38;5;214mé${E}[m`, [["é", { foreground: 214 }]]],
    [`${E}[48;2;1;2;3mx`, [["x", { background: TRUE_COLOUR + 0x010203 }]]],
    [`${E}[38:5:9mx`, [["x", { foreground: 9 }]]],
    [`${E}[38:2::255:128:0mx`, [["x", { foreground: TRUE_COLOUR + 0xff8000 }]]],
    [`${E}[38:2:255:128:0mx`, [["x", { foreground: TRUE_COLOUR + 0xff8000 }]]],
    [`${E}[38;5;214;1mx`, [["x", { foreground: 214, bold: true }]]],
    [`${E}[38;2;1;2;3;4mx`, [["x", { foreground: TRUE_COLOUR + 0x010203, underline: true }]]],
  ])("%j", (text, expected) => {
    expect(spans(text)).toEqual(expected);
  });

  test.each([
    ["1", { bold: true }],
    ["2", { dim: true }],
    ["3", { italic: true }],
    ["4", { underline: true }],
    ["4:3", { underline: true }],
    ["4:0", {}],
    ["21", { underline: true }],
    ["7", { inverse: true }],
    ["9", { strike: true }],
    ["1;2;22", {}],
    ["3;23", {}],
    ["4;24", {}],
    ["7;27", {}],
    ["9;29", {}],
    ["44;49", {}],
    ["1;31;0", {}],
    ["1;31;", {}],
  ])("SGR %s", (codes, differs) => {
    expect(spans(`${E}[${codes}mx`)).toEqual([["x", differs]]);
  });

  test("invalid colour numbers change nothing", () => {
    expect(spans(`${E}[38;5;256mx`)).toEqual([["x", {}]]);
    expect(spans(`${E}[38;2;300;0;0mx`)).toEqual([["x", {}]]);
    expect(spans(`${E}[38mx${E}[999mx`)).toEqual([["xx", {}]]);
    expect(spans(`${E}[?25;31mx`)).toEqual([["x", {}]]);
  });

  test("a colour lasts into the next line, until it is reset", () => {
    const first = read(`${E}[31mTraceback`);
    expect(spans("  File", first.pen)).toEqual([["  File", { foreground: 1 }]]);
    expect(read(`${E}[0m`, first.pen).pen).toBe(PLAIN);
  });
});

describe("other sequences are removed", () => {
  test.each([
    [`${E}]0;title\u0007text`, "text"],
    [`${E}]8;;http://x${E}\\link${E}]8;;${E}\\!`, "link!"],
    [`${E}[2K${E}[1Gdone`, "done"],
    [`${E}(Bascii`, "ascii"],
    [`a${E}7b`, "ab"],
    [`cut off ${E}[3`, "cut off "],
    [`cut off ${E}]0;ti`, "cut off "],
    [`${E}`, ""],
    ["bell\u0007 and\u0000 nul\u007f", "bell and nul"],
    [`${E}Pq#0${E}\\after`, "after"],
  ])("%j", (text, plain) => {
    expect(read(text).plain).toBe(plain);
  });

  test("adjacent text with one pen is one span", () => {
    expect(spans(`a${E}[2Kb`)).toEqual([["ab", {}]]);
  });

  test("the plain text always equals the text of the spans", () => {
    // Parts of sequences, in any order.
    const parts = [E, "[", "]", "3", "8", ";", ":", "m", "5", "\\", "\u0007", "x", "é", "😀", "("];
    let seed = 7;
    const random = (n: number) => {
      seed = (seed * 1103515245 + 12345) % 2 ** 31;
      return seed % n;
    };
    for (let round = 0; round < 2000; round += 1) {
      const text = Array.from({ length: random(30) }, () => parts[random(parts.length)]).join("");
      const { plain, spans: parted } = read(text);
      expect(parted.map((span) => span.text).join("")).toBe(plain);
      expect(plain).not.toContain(E);
      expect(parted.every((span) => span.text !== "")).toBe(true);
    }
  });
});
