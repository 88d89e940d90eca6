import { expect, test } from "vitest";

import { Heights } from "./heights";

/** A slow implementation of the same. */
class Plain {
  heights: number[] = [];
  first = 0;

  top(position: number): number {
    return this.heights.slice(this.first, position).reduce((sum, height) => sum + height, 0);
  }

  at(distance: number): number {
    let rest = distance;
    let at = this.first;
    while (at < this.heights.length - 1 && rest >= (this.heights[at] ?? 0)) {
      rest -= this.heights[at] ?? 0;
      at += 1;
    }
    return at;
  }
}

test("positions are the sums of the heights when rows are added, removed and changed", () => {
  let seed = 42;
  const random = (n: number) => {
    seed = (seed * 1103515245 + 12345) % 2 ** 31;
    return seed % n;
  };
  const quick = new Heights();
  const slow = new Plain();
  for (let round = 0; round < 400; round += 1) {
    for (let n = random(40); n > 0; n -= 1) {
      const height = 20 * (1 + random(4));
      quick.push(height);
      slow.heights.push(height);
    }
    if (quick.end > quick.first) {
      const position = quick.first + random(quick.end - quick.first);
      quick.set(position, 33);
      slow.heights[position] = 33;
    }
    if (round % 3 === 0) {
      slow.first = Math.min(slow.heights.length, slow.first + random(50));
      quick.dropTo(slow.first);
    }
    expect([quick.first, quick.end]).toEqual([slow.first, slow.heights.length]);
    expect(quick.total).toBe(slow.top(slow.heights.length));
    if (quick.end === quick.first) continue;
    const position = quick.first + random(quick.end - quick.first);
    expect(quick.top(position)).toBe(slow.top(position));
    const distance = random(quick.total + 100);
    expect(quick.at(distance)).toBe(slow.at(distance));
    expect(quick.at(quick.top(position))).toBe(position);
  }
});

test("all rows can be removed and others added", () => {
  const heights = new Heights();
  for (let n = 0; n < 1000; n += 1) heights.push(20);
  heights.dropTo(1000);
  expect(heights.total).toBe(0);
  heights.push(40);
  expect(heights.total).toBe(40);
  expect(heights.top(1000)).toBe(0);
  expect(heights.at(10)).toBe(1000);
});

test("a hundred thousand rows are searched quickly", () => {
  const heights = new Heights();
  for (let n = 0; n < 131_072; n += 1) heights.push(20 + (n % 3));
  const began = performance.now();
  for (let n = 0; n < 1000; n += 1) heights.at(heights.top(n * 131));
  // A frame needs a few calls. This allows 100 µs each, about fifty times the usual time.
  expect((performance.now() - began) / 1000).toBeLessThan(0.1);
});
