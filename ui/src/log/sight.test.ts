import { describe, expect, test } from "vitest";

import { PADDING, Sight } from "./sight";

const ROW = 20;

function sight(rows: number, view = 200, tallest?: number): Sight {
  const made = new Sight(tallest);
  made.view = view;
  made.follow(0, rows, () => ROW);
  return made;
}

describe("rows of one height", () => {
  test("a limited number of rows is drawn at every position", () => {
    const of = sight(100_000);
    for (const bar of [0, 1000, 999_990, of.height - 200]) {
      of.scrolled(bar);
      const [from, to] = of.rows;
      expect(to - from).toBeLessThan(200 / ROW + 30);
      expect(from).toBeLessThanOrEqual((bar + PADDING) / ROW);
      expect(to * ROW).toBeGreaterThanOrEqual(Math.min(bar + 200, 100_000 * ROW) - PADDING);
      expect(of.offset).toBe(from * ROW + PADDING);
    }
  });

  test("without rows nothing is drawn", () => {
    const of = sight(0);
    expect(of.rows).toEqual([0, 0]);
    expect(of.atEnd).toBe(true);
  });

  test("the last row is reached at the end", () => {
    const of = sight(1000);
    expect(of.atEnd).toBe(false);
    of.toEnd();
    expect(of.atEnd).toBe(true);
    expect(of.bar).toBe(of.height - 200);
    expect(of.rows[1]).toBe(1000);
  });

  test("visible rows stay in place when old rows are removed", () => {
    const of = sight(1000);
    of.scrolled(4000);
    const before = of.place;
    of.follow(100, 1200, () => ROW);
    expect(of.place).toEqual(before);
    expect(of.bar).toBe(2000);
    of.follow(900, 2000, () => ROW);
    expect(of.place.position).toBe(900);
  });

  test("scrolling by the program is distinguished from the user's", () => {
    const of = sight(1000);
    of.toEnd();
    expect(of.scrolled(of.bar)).toBe("not");
    expect(of.scrolled(of.bar - 40)).toBe("up");
    expect(of.scrolled(of.bar + 20)).toBe("down");
  });

  test("revealing a visible row moves nothing", () => {
    const of = sight(1000);
    of.scrolled(4000);
    of.reveal(205);
    expect(of.bar).toBe(4000);
    of.reveal(500);
    expect(of.top).toBeLessThan(500 * ROW);
    expect(of.top + 200).toBeGreaterThan(501 * ROW);
  });
});

describe("measured rows", () => {
  test("a row above that is higher than estimated moves no visible row", () => {
    const of = sight(1000);
    of.scrolled(4000);
    const before = of.place;
    expect(of.measured(3, 60)).toBe(true);
    expect(of.place).toEqual(before);
    expect(of.bar).toBe(4040);
    expect(of.measured(3, 60.2)).toBe(false);
  });

  test("new heights for all rows keep the first visible row", () => {
    const of = sight(1000);
    of.scrolled(4000 + PADDING);
    expect(of.place.position).toBe(200);
    of.rebuild(0, 1000, (at) => ROW * (1 + (at % 3)));
    expect(of.place.position).toBe(200);
  });
});

describe("more rows than a browser can scroll", () => {
  const many = () => sight(10_000, 200, 10_000);

  test("the element respects the maximum height, and both ends can be reached", () => {
    const of = many();
    expect(of.height).toBe(10_000);
    of.toEnd();
    expect(of.bar).toBe(9800);
    expect(of.rows[1]).toBe(10_000);
    of.scrolled(0);
    expect(of.rows[0]).toBe(0);
  });

  test("dragging the bar scrolls to its position", () => {
    const of = many();
    of.scrolled(4900);
    expect(of.place.position).toBeGreaterThan(4900);
    expect(of.place.position).toBeLessThan(5100);
  });

  test("the wheel moves row by row, and the visible rows are drawn", () => {
    const of = many();
    of.scrolled(4900);
    let last = of.top;
    for (let turn = 0; turn < 400; turn += 1) {
      of.scrolled(of.bar + 60);
      expect(of.top - last).toBe(60);
      last = of.top;
      const [from, to] = of.rows;
      expect(of.offset).toBeLessThanOrEqual(of.bar);
      expect(of.offset + (to - from) * ROW).toBeGreaterThanOrEqual(of.bar + 200);
    }
  });

  test("the wheel reaches both ends too", () => {
    const of = many();
    of.scrolled(700);
    for (let turn = 0; turn < 2000 && of.top > 0; turn += 1) of.scrolled(Math.max(0, of.bar - 90));
    expect(of.top).toBe(0);
    of.scrolled(9000);
    for (let turn = 0; turn < 2000 && !of.atEnd; turn += 1) {
      of.scrolled(Math.min(of.height - 200, of.bar + 90));
    }
    expect(of.atEnd).toBe(true);
  });
});
