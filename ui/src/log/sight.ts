/** The part of the rows that is in sight: from heights and scrolling to what has to be drawn, and where. */

import { Heights } from "./heights";

/** Above and below all rows. */
export const PADDING = 6;

/**
 * The highest that an element may be. Browsers end between 17 and 33 million pixels; beyond this, a
 * pixel of the scroll bar is more than one of the log.
 */
export const TALLEST = 12_000_000;

/** What is drawn beyond each end, in pixels. */
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

  /** How much is in sight. */
  get view(): number {
    return this.#view;
  }

  set view(height: number) {
    this.#view = height;
    this.#moveTo(this.#top);
  }

  /** What is in sight begins this far below the beginning of everything. */
  get top(): number {
    return this.#top;
  }

  get total(): number {
    return this.heights.total + 2 * PADDING;
  }

  /** How high the element is that is scrolled in. */
  get height(): number {
    return Math.min(this.total, this.#tallest);
  }

  /** Where that element is to be scrolled to. */
  get bar(): number {
    return this.#bar;
  }

  get atEnd(): boolean {
    return this.#top >= this.#furthest - 2;
  }

  get #furthest(): number {
    return Math.max(0, this.total - this.#view);
  }

  /** Rows have come and gone. */
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

  /** All heights are others now; what is in sight stays as far as it can. */
  rebuild(first: number, end: number, estimate: (position: number) => number): void {
    const place = this.place;
    this.heights.restart(first);
    for (let at = first; at < end; at += 1) this.heights.push(estimate(at));
    this.putFirst(place.position, place.into);
  }

  /** The first row in sight, and how much of it is above. */
  get place(): { position: number; into: number } {
    const from = Math.max(0, this.#top - PADDING);
    const position = this.heights.at(from);
    return { position, into: from - this.heights.top(position) };
  }

  /** Puts this row at the upper edge. */
  putFirst(position: number, into = 0): void {
    const kept = Math.min(into, Math.max(0, this.heights.get(position) - 1));
    this.#moveTo(this.heights.top(position) + PADDING + kept);
  }

  /** A row turned out to be this high. Whether that is news. */
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

  /** Brings a row into sight, and leaves everything where it is if it is there already. */
  reveal(position: number): void {
    const top = this.heights.top(position) + PADDING;
    const bottom = top + this.heights.get(position);
    if (top >= this.#top && bottom <= this.#top + this.#view) return;
    this.#moveTo(top - this.#view / 3);
  }

  /** The element has been scrolled to here, by whomever. Whether that was upwards. */
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
      // The bar was dragged: its place is what counts.
      this.#bar = bar;
      this.#top = clamp((bar / this.#barEnd) * this.#furthest, 0, this.#furthest);
    }
    return this.#top < before ? "up" : "down";
  }

  /** By wheel or key: by as much as the element, and the bar is put right only when it is far off. */
  #nudge(bar: number, by: number): void {
    this.#top = clamp(this.#top + by, 0, this.#furthest);
    const right = this.#barFor(this.#top);
    const stuck =
      (bar <= 0 && this.#top > 0) || (bar >= this.#barEnd && this.#top < this.#furthest);
    this.#bar = stuck || Math.abs(right - bar) > this.#view ? right : bar;
  }

  /** From and up to (without) which row is drawn. */
  get rows(): readonly [number, number] {
    const { heights } = this;
    if (heights.end === heights.first) return [heights.first, heights.first];
    const from = heights.at(Math.max(0, this.#top - PADDING - BEYOND));
    const to = heights.at(this.#top - PADDING + this.#view + BEYOND) + 1;
    return [from, to];
  }

  /** Where the first row that is drawn begins in the element. */
  get offset(): number {
    return Math.round(this.#bar + this.heights.top(this.rows[0]) + PADDING - this.#top);
  }

  get #barEnd(): number {
    return Math.max(1, this.height - this.#view);
  }

  #barFor(top: number): number {
    if (this.total <= this.#tallest) return top;
    // Near an end the bar leaves as much room as there is to scroll, so that the end can be reached.
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
