import { expect, test } from "vitest";

import { PLAIN } from "./ansi";
import { Ascending } from "./ascending";
import type { Given } from "./line";
import { Lines } from "./lines";

function given(text: string, more: Partial<Given> = {}): Given {
  return { service: "backend", run: "1", number: 1, time: null, level: null, text, ...more };
}

test("the ring keeps the newest lines, and every line keeps its number", () => {
  const lines = new Lines(4);
  for (let n = 0; n < 10; n += 1) lines.push(given(`line ${n}`));
  expect([lines.first, lines.end, lines.size]).toEqual([6, 10, 4]);
  expect(lines.get(5)).toBeUndefined();
  expect(lines.get(6)?.text).toBe("line 6");
  expect(lines.get(9)?.at).toBe(9);
  expect(lines.get(10)).toBeUndefined();
});

test("a colour that is not reset lasts until the end of the run", () => {
  const lines = new Lines();
  lines.push(given("\u001b[31mTraceback"));
  expect(lines.push(given("  File")).pen.foreground).toBe(1);
  expect(lines.push(given("other", { service: "redis" })).pen).toBe(PLAIN);
  expect(lines.push(given("  File")).pen.foreground).toBe(1);
  expect(lines.push(given("again", { run: "2" })).pen).toBe(PLAIN);
});

test("the first line of another run is marked", () => {
  const lines = new Lines();
  expect(lines.push(given("a")).begins).toBe(false);
  expect(lines.push(given("a", { service: "redis", run: "7" })).begins).toBe(false);
  expect(lines.push(given("b", { run: "2" })).begins).toBe(true);
  expect(lines.push(given("c", { run: "2" })).begins).toBe(false);
});

test("ascending numbers are found, and keep their positions when others are removed", () => {
  const numbers = new Ascending();
  for (let n = 0; n < 10_000; n += 1) numbers.push(n * 3);
  expect(numbers.positionOf(30)).toBe(10);
  expect(numbers.positionOf(31)).toBe(11);
  expect(numbers.dropBelow(20_000)).toBe(6667);
  expect([numbers.first, numbers.end, numbers.size]).toEqual([6667, 10_000, 3333]);
  expect(numbers.get(6667)).toBe(20_001);
  expect(numbers.get(6666)).toBeUndefined();
  expect(numbers.positionOf(0)).toBe(6667);
  expect(numbers.positionOf(20_004)).toBe(6668);
  expect(numbers.positionOf(10 ** 9)).toBe(10_000);
});
