/** The visible part of the rows: computes from heights and scrolling which rows to draw, and where. */

import { Heights } from "./heights";

/** The margin above and below all rows. */
export const PADDING = 6;

/**
 * The maximum height of the element. Browsers support 17 to 33 million pixels. If the rows are higher, a
 * pixel of the scroll bar is more than a pixel of the log.
 */
export const TALLEST = 12_000_000;

/** The height that is drawn beyond each end, in pixels. */
const BEYOND = 240;

export class Sight {
  readonly heights = new Heights();
  readonly #tallest: number;
  #view = 0;
  #top = 0;
  #bar = 0;

  constructor(tallest = TALLEST) {
    this.#tallest = tallest;
  }

  /** The visible height. */
  get view(): number {
    return this.#view;
  }

  set view(height: number) {
    this.#view = height;
    this.#moveTo(this.#top);
  }

  /** The distance from the top of all rows to the top of the visible part. */
  get top(): number {
    return this.#top;
  }

  get total(): number {
    return this.heights.total + 2 * PADDING;
  }

  /** The height of the scrolled element. */
  get height(): number {
    return Math.min(this.total, this.#tallest);
  }

  /** The scroll position that the element should have. */
  get bar(): number {
    return this.#bar;
  }

  get atEnd(): boolean {
    return this.#top >= this.#furthest - 2;
  }

  get #furthest(): number {
    return Math.max(0, this.total - this.#view);
  }

  /** Updates the state after rows were added or removed. */
  follow(first: number, end: number, estimate: (position: number) => number): void {
    if (first >= this.heights.end || first < this.heights.first || end < this.heights.end) {
      this.rebuild(first, end, estimate);
      return;
    }
    const before = this.heights.top(first);
    this.heights.dropTo(first);
    for (let at = this.heights.end; at < end; at += 1) this.heights.push(estimate(at));
    this.#moveTo(this.#top - before);
  }

  /** Updates the state after all heights have changed, and keeps the visible rows if possible. */
  rebuild(first: number, end: number, estimate: (position: number) => number): void {
    const place = this.place;
    this.heights.restart(first);
    for (let at = first; at < end; at += 1) this.heights.push(estimate(at));
    this.putFirst(place.position, place.into);
  }

  /** The first visible row, and the hidden part of its height. */
  get place(): { position: number; into: number } {
    const from = Math.max(0, this.#top - PADDING);
    const position = this.heights.at(from);
    return { position, into: from - this.heights.top(position) };
  }

  /** Scrolls this row to the upper edge. */
  putFirst(position: number, into = 0): void {
    const kept = Math.min(into, Math.max(0, this.heights.get(position) - 1));
    this.#moveTo(this.heights.top(position) + PADDING + kept);
  }

  /** Stores the measured height of a row. Returns whether it has changed. */
  measured(position: number, height: number): boolean {
    const before = this.heights.get(position);
    if (Math.abs(before - height) < 0.5) return false;
    const above = this.heights.top(position) + before + PADDING <= this.#top;
    this.heights.set(position, height);
    this.#moveTo(this.#top + (above ? height - before : 0));
    return true;
  }

  toEnd(): void {
    this.#moveTo(this.#furthest);
  }

  by(distance: number): void {
    this.#moveTo(this.#top + distance);
  }

  /** Scrolls a row into view, unless it is visible already. */
  reveal(position: number): void {
    const top = this.heights.top(position) + PADDING;
    const bottom = top + this.heights.get(position);
    if (top >= this.#top && bottom <= this.#top + this.#view) return;
    this.#moveTo(top - this.#view / 3);
  }

  /** Handles a scroll of the element to this position. Returns whether it was upwards. */
  scrolled(bar: number): "up" | "down" | "not" {
    const by = bar - this.#bar;
    if (Math.abs(by) < 1) return "not";
    const before = this.#top;
    if (this.total <= this.#tallest) {
      this.#top = bar;
      this.#bar = bar;
    } else if (Math.abs(by) <= 3 * this.#view) {
      this.#nudge(bar, by);
    } else {
      // The scroll bar was dragged, so its position is used.
      this.#bar = bar;
      this.#top = clamp((bar / this.#barEnd) * this.#furthest, 0, this.#furthest);
    }
    return this.#top < before ? "up" : "down";
  }

  /** Handles a scroll by wheel or key: moves as far as the element, and corrects the bar only if it is far off. */
  #nudge(bar: number, by: number): void {
    this.#top = clamp(this.#top + by, 0, this.#furthest);
    const right = this.#barFor(this.#top);
    const stuck =
      (bar <= 0 && this.#top > 0) || (bar >= this.#barEnd && this.#top < this.#furthest);
    this.#bar = stuck || Math.abs(right - bar) > this.#view ? right : bar;
  }

  /** The first row that is drawn, and the last one (exclusive). */
  get rows(): readonly [number, number] {
    const { heights } = this;
    if (heights.end === heights.first) return [heights.first, heights.first];
    const from = heights.at(Math.max(0, this.#top - PADDING - BEYOND));
    const to = heights.at(this.#top - PADDING + this.#view + BEYOND) + 1;
    return [from, to];
  }

  /** The position of the first drawn row in the element. */
  get offset(): number {
    return Math.round(this.#bar + this.heights.top(this.rows[0]) + PADDING - this.#top);
  }

  get #barEnd(): number {
    return Math.max(1, this.height - this.#view);
  }

  #barFor(top: number): number {
    if (this.total <= this.#tallest) return top;
    // Near an end the bar leaves as much space as is left to scroll, so that the end can be reached.
    const room = (rest: number) => Math.min(rest, this.#view);
    const right = (top / Math.max(1, this.#furthest)) * this.#barEnd;
    return clamp(right, room(top), this.#barEnd - room(this.#furthest - top));
  }

  #moveTo(top: number): void {
    this.#top = clamp(top, 0, this.#furthest);
    this.#bar = this.#barFor(this.#top);
  }
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(Math.max(value, least), most);
}
