import { expect, test } from "vitest";

import { asText } from "./copy";
import { Lines } from "./lines";
import { draw } from "./pieces";
import { clock, dateAndClock } from "./time";

function line(text: string, time: string | null = null) {
  return new Lines().push({ service: "backend", run: "1", number: 1, level: null, time, text });
}

test("highlights can span colours", () => {
  const { pieces } = draw(line("one \u001b[31mtwo\u001b[0m three"), [[2, 6]]);
  expect(pieces.map((piece) => [piece.text, piece.pen.foreground, piece.marked])).toEqual([
    ["on", null, false],
    ["e ", null, true],
    ["tw", 1, true],
    ["o", 1, false],
    [" three", null, false],
  ]);
});

test("highlights can be at both ends and adjacent", () => {
  const { pieces } = draw(line("aabaa"), [
    [0, 1],
    [1, 2],
    [3, 4],
    [4, 5],
  ]);
  expect(pieces.map((piece) => [piece.text, piece.marked])).toEqual([
    ["a", true],
    ["a", true],
    ["b", false],
    ["a", true],
    ["a", true],
  ]);
});

test("the pieces always contain the whole line", () => {
  const text = "the quick brown fox";
  for (let from = 0; from < text.length; from += 1) {
    for (let to = from + 1; to <= text.length; to += 1) {
      const { pieces } = draw(line(text), [[from, to]]);
      expect(pieces.map((piece) => piece.text).join("")).toBe(text);
      const marked = pieces.filter((piece) => piece.marked).map((piece) => piece.text);
      expect(marked.join("")).toBe(text.slice(from, to));
    }
  }
});

test("a very long line is drawn partly, and the rest is counted", () => {
  const { pieces, left } = draw(line("x".repeat(9000)), [], 8000);
  expect(pieces.map((piece) => piece.text).join("")).toHaveLength(8000);
  expect(left).toBe(1000);
});

test("times are in the local time zone", () => {
  const time = new Date(2026, 0, 9, 7, 5, 3, 42).toISOString();
  expect(clock(time)).toBe("07:05:03.042");
  expect(dateAndClock(time)).toBe("2026-01-09 07:05:03.042");
  expect(clock("never")).toBe("");
});

test("copied lines have no sequences, but the times and names shown", () => {
  const time = new Date(2026, 0, 9, 7, 5, 3, 42).toISOString();
  const lines = [line("\u001b[31mred\u001b[0m", time), line("plain")];
  expect(asText(lines, { times: false, services: false })).toBe("red\nplain\n");
  expect(asText(lines, { times: true, services: true })).toBe(
    "2026-01-09 07:05:03.042 backend red\nbackend plain\n",
  );
});
