/**
 * The state of a log view: the stored lines, the lines shown for the level and the fold, the matches of the
 * search, and the position. Independent of the page, which calls `advance` once per frame.
 */

import { Ascending } from "./ascending";
import type { Threshold } from "./levels";
import { passes } from "./levels";
import type { Given, Line } from "./line";
import { CAPACITY, Lines } from "./lines";
import { compile, type Query, type Range, type Search } from "./query";

/** A traceback is written at once; another error rarely follows as quickly. */
const TOGETHER_MS = 100;

/** The number of lines between two checks of the clock. */
const STRIDE = 256;

export class Reading {
  readonly #capacity: number;
  readonly lines: Lines;
  /** The lines that are shown, oldest first. */
  readonly shown = new Ascending();
  /** The matches among them. */
  readonly found = new Ascending();

  /** The folded lines of the level. */
  readonly folded = new Ascending();

  #threshold: Threshold = "all";
  #folds: ((line: Line) => boolean) | null = null;
  #run: string | null = null;
  #onlyFound = false;
  #query: Query = { kind: "nothing" };
  /** The position in `shown` from which the search has yet to look. */
  #searched = 0;
  /** Received lines that are not read yet. */
  #waiting: Given[][] = [];
  #waitingSize = 0;

  /** Whether the view follows the end. */
  following = true;
  /** Whether new lines are held back. */
  paused = false;
  /** The line that the user has jumped to. */
  current: number | null = null;
  /** The selection from one line to another, inclusive, in the order in which they were selected. */
  chosen: readonly [number, number] | null = null;
  #seen = 0;
  /** The number of lines that were dropped during a long pause. */
  missed = 0;

  constructor(capacity = CAPACITY) {
    this.#capacity = capacity;
    this.lines = new Lines(capacity);
  }

  /** Queues lines, which is quick for any number of lines. */
  give(lines: Given[]): void {
    if (lines.length === 0) return;
    this.#waiting.push(lines);
    this.#waitingSize += lines.length;
    // They would be removed as soon as they were read.
    while (this.#waitingSize - (this.#waiting[0]?.length ?? 0) >= this.#capacity) {
      const gone = this.#waiting.shift()?.length ?? 0;
      this.#waitingSize -= gone;
      this.missed += gone;
    }
  }

  /** The number of queued lines. */
  get waiting(): number {
    return this.#waitingSize;
  }

  /** Whether `advance` has something to do. */
  get busy(): boolean {
    return (!this.paused && this.#waitingSize > 0) || this.#toSearch;
  }

  get #toSearch(): boolean {
    return this.#query.kind === "query" && this.#searched < this.shown.end;
  }

  /**
   * Reads and searches lines for at most this time (by `now`, both in milliseconds), but always a few, so
   * that it makes progress.
   */
  advance(budget: number, now: () => number): void {
    const until = now() + budget;
    while (!this.paused && this.#waiting.length > 0) {
      this.#takeIn(STRIDE);
      if (now() >= until) break;
    }
    while (this.#toSearch) {
      this.#look(STRIDE);
      if (now() >= until) break;
    }
  }

  #takeIn(most: number): void {
    const batch = this.#waiting[0];
    if (!batch) return;
    const part = batch.length <= most ? batch : batch.slice(0, most);
    if (part === batch) this.#waiting.shift();
    else this.#waiting[0] = batch.slice(most);
    this.#waitingSize -= part.length;
    for (const given of part) {
      this.#sort(this.lines.push(given));
    }
    this.#letGo();
  }

  /** Adds a line to the shown or folded lines, if its run, level and text are shown. */
  #sort(line: Line): void {
    if (this.#run !== null && line.run !== this.#run) return;
    if (!passes(line.grade, this.#threshold)) return;
    if (this.#folds?.(line) === true) this.folded.push(line.at);
    else if (!this.#onlyFound || this.#query.kind !== "query" || this.#query.matches(line.plain)) {
      this.shown.push(line.at);
    }
  }

  #letGo(): void {
    const { first } = this.lines;
    this.folded.dropBelow(first);
    this.shown.dropBelow(first);
    this.found.dropBelow(first);
    this.#searched = Math.max(this.#searched, this.shown.first);
    if (this.current !== null && this.current < first) this.current = null;
    if (this.chosen && Math.max(...this.chosen) < first) this.chosen = null;
  }

  #look(most: number): void {
    if (this.#query.kind !== "query") return;
    const end = Math.min(this.#searched + most, this.shown.end);
    for (; this.#searched < end; this.#searched += 1) {
      const line = this.lineAt(this.#searched);
      if (line && this.#query.matches(line.plain)) this.found.push(line.at);
    }
  }

  /** The shown line at this position. */
  lineAt(position: number): Line | undefined {
    const at = this.shown.get(position);
    return at === undefined ? undefined : this.lines.get(at);
  }

  get threshold(): Threshold {
    return this.#threshold;
  }

  /** Shows only lines of this level or higher. */
  filter(threshold: Threshold): void {
    this.#threshold = threshold;
    this.#sortAgain();
  }

  /** Folds away the lines that `folds` recognises; null shows all. */
  fold(folds: ((line: Line) => boolean) | null): void {
    this.#folds = folds;
    this.#sortAgain();
  }

  /** Shows only the lines of a run; null shows all. */
  only(run: string | null): void {
    this.#run = run;
    this.#sortAgain();
  }

  /** Shows only the lines that the search finds, or all. */
  showOnlyFound(only: boolean): void {
    this.#onlyFound = only;
    this.#sortAgain();
  }

  #sortAgain(): void {
    const eye = this.shown.end - this.#seen;
    this.shown.clear();
    this.folded.clear();
    for (let at = this.lines.first; at < this.lines.end; at += 1) {
      const line = this.lines.get(at);
      if (line !== undefined) this.#sort(line);
    }
    this.#seen = Math.max(0, this.shown.end - eye);
    this.chosen = null;
    this.#searchAgain();
  }

  /** Starts a search from the beginning. Returns the error in the pattern, if any. */
  search(search: Search): string | null {
    this.#query = compile(search);
    if (this.#onlyFound) this.#sortAgain();
    else this.#searchAgain();
    return this.#query.kind === "wrong" ? this.#query.message : null;
  }

  #searchAgain(): void {
    this.found.clear();
    this.#searched = this.shown.first;
  }

  /** Whether all shown lines have been searched. */
  get searchedAll(): boolean {
    return !this.#toSearch;
  }

  /** The highlights in a line. */
  ranges(line: Line): Range[] {
    return this.#query.kind === "query" ? this.#query.ranges(line.plain) : [];
  }

  /** The position of the current line among the matches, from 1; `null` if it is not a match. */
  get place(): number | null {
    if (this.current === null) return null;
    const position = this.found.positionOf(this.current);
    return this.found.get(position) === this.current ? position - this.found.first + 1 : null;
  }

  /**
   * Goes to the next match after the current line, or to the newest without a current line. Wraps around.
   * `step` is 1 for the next match and -1 for the previous one.
   */
  findNext(step: 1 | -1): number | null {
    const { found } = this;
    if (found.size === 0) return null;
    let position: number;
    if (this.current === null) {
      position = found.end - 1;
    } else {
      position = found.positionOf(this.current);
      if (step === -1) position -= 1;
      else if (found.get(position) === this.current) position += 1;
    }
    if (position < found.first) position = found.end - 1;
    if (position >= found.end) position = found.first;
    return this.#goTo(found.get(position) ?? null);
  }

  /** Goes to the newest error, or from an error to the previous one. Wraps around. */
  lastError(): number | null {
    const from = this.current === null ? this.shown.end : this.shown.positionOf(this.current);
    const error =
      this.#errorBefore(from, this.shown.first) ?? this.#errorBefore(this.shown.end, from);
    return error === null ? null : this.#goTo(error);
  }

  /** Whether this is the first line of an error, and not a continuation. */
  #errorBefore(end: number, first: number): number | null {
    for (let position = end - 1; position >= first; position -= 1) {
      const line = this.lineAt(position);
      if (line?.level === "error" && !this.#continuesAnError(line, position)) return line.at;
    }
    return null;
  }

  /** The lines of a traceback are adjacent, and several of them have the level of an error. */
  #continuesAnError(line: Line, position: number): boolean {
    const before = this.lineAt(position - 1);
    return (
      before?.grade === "error" &&
      before.service === line.service &&
      before.run === line.run &&
      together(before.time, line.time)
    );
  }

  #goTo(at: number | null): number | null {
    this.current = at;
    if (at !== null) this.stay();
    return at;
  }

  /** Stops following the end. */
  stay(): void {
    if (!this.following) return;
    this.following = false;
    this.#seen = this.shown.end;
  }

  /** Follows the end, and shows the lines that were held back. */
  follow(): void {
    this.following = true;
    this.paused = false;
    this.current = null;
    this.missed = 0;
  }

  /** Holds new lines back until `follow`. */
  pause(): void {
    this.stay();
    this.paused = true;
  }

  /** Records that the visible part ends at this position (exclusive). */
  see(end: number): void {
    this.#seen = Math.max(this.#seen, end);
  }

  /** The number of new lines below the visible part. */
  get unseen(): number {
    if (this.following) return 0;
    return this.#waitingSize + this.shown.end - Math.max(this.#seen, this.shown.first);
  }

  /** Selects a line, or, with `extend`, everything from the selected line to this one. */
  choose(at: number, extend: boolean): void {
    this.chosen = extend && this.chosen ? [this.chosen[0], at] : [at, at];
  }

  isChosen(at: number): boolean {
    if (!this.chosen) return false;
    const [a, b] = this.chosen;
    return at >= Math.min(a, b) && at <= Math.max(a, b);
  }

  /** The selected lines, or all shown lines without a selection. */
  *toCopy(): Generator<Line> {
    const [a, b] = this.chosen ?? [0, Infinity];
    const end = Math.max(a, b);
    for (let at = this.shown.positionOf(Math.min(a, b)); at < this.shown.end; at += 1) {
      const line = this.lineAt(at);
      if (line && line.at > end) return;
      if (line) yield line;
    }
  }

  /** Removes all lines, to read another log. */
  clear(): void {
    this.lines.clear();
    this.folded.clear();
    this.shown.clear();
    this.found.clear();
    this.#searched = 0;
    this.#waiting = [];
    this.#waitingSize = 0;
    this.#seen = 0;
    this.current = null;
    this.chosen = null;
    this.missed = 0;
    this.following = true;
    this.paused = false;
  }
}

/** Whether these can be times of the same event. */
function together(a: string | null, b: string | null): boolean {
  return a === null || b === null || Math.abs(Date.parse(a) - Date.parse(b)) <= TOGETHER_MS;
}
