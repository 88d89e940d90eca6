/**
 * The state of a log view: the lines kept, those that the level and the fold let through, those that the
 * search finds, and the position. Independent of the page, which calls `advance` once a frame.
 */

import { Ascending } from "./ascending";
import type { Threshold } from "./levels";
import { passes } from "./levels";
import type { Given, Line } from "./line";
import { CAPACITY, Lines } from "./lines";
import { compile, type Query, type Range, type Search } from "./query";

/** A traceback is written in one go; another error is seldom as quick. */
const TOGETHER_MS = 100;

/** Lines between two looks at the clock. */
const STRIDE = 256;

export class Reading {
  readonly #capacity: number;
  readonly lines: Lines;
  /** The lines that are shown, oldest first. */
  readonly shown = new Ascending();
  /** The lines among them that are found. */
  readonly found = new Ascending();

  /** The lines among those of the level that are folded away. */
  readonly folded = new Ascending();

  #threshold: Threshold = "all";
  #folds: ((line: Line) => boolean) | null = null;
  #run: string | null = null;
  #onlyFound = false;
  #query: Query = { kind: "nothing" };
  /** The position in `shown` from which the search has yet to look. */
  #searched = 0;
  /** What has come and was not taken in yet. */
  #waiting: Given[][] = [];
  #waitingSize = 0;

  /** Whether the end is stuck to. */
  following = true;
  /** Whether nothing new is taken in. */
  paused = false;
  /** The line that a person has gone to. */
  current: number | null = null;
  /** From one line to another, both in it, in the order in which they were chosen. */
  chosen: readonly [number, number] | null = null;
  #seen = 0;
  /** How many came while the pause was too long to keep them. */
  missed = 0;

  constructor(capacity = CAPACITY) {
    this.#capacity = capacity;
    this.lines = new Lines(capacity);
  }

  /** Puts lines in front of the door: quick, whatever comes. */
  give(lines: Given[]): void {
    if (lines.length === 0) return;
    this.#waiting.push(lines);
    this.#waitingSize += lines.length;
    // Those would be let go anyway as soon as they were taken in.
    while (this.#waitingSize - (this.#waiting[0]?.length ?? 0) >= this.#capacity) {
      const gone = this.#waiting.shift()?.length ?? 0;
      this.#waitingSize -= gone;
      this.missed += gone;
    }
  }

  /** How many lines are in front of the door. */
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
   * Takes in and searches for at most this long (by `now`, both in milliseconds), but at least a little,
   * so that it ends.
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

  /** Puts a line among those that are shown or folded, if its run, level and text are shown. */
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

  /** The line at this position of those that are shown. */
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

  /** Searches from the beginning. What is wrong with the pattern, if it is wrong. */
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

  /** Whether everything that is shown has been looked at. */
  get searchedAll(): boolean {
    return !this.#toSearch;
  }

  /** What to highlight in a line. */
  ranges(line: Line): Range[] {
    return this.#query.kind === "query" ? this.#query.ranges(line.plain) : [];
  }

  /** The place of the present line among those found, from 1; `null` if it is none of them. */
  get place(): number | null {
    if (this.current === null) return null;
    const position = this.found.positionOf(this.current);
    return this.found.get(position) === this.current ? position - this.found.first + 1 : null;
  }

  /**
   * The next line found after the present one, or, without one, the newest; goes around. `step` is 1 for
   * the next and -1 for the one before.
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

  /** The newest error; from an error, the one before it. Goes around. */
  lastError(): number | null {
    const from = this.current === null ? this.shown.end : this.shown.positionOf(this.current);
    const error =
      this.#errorBefore(from, this.shown.first) ?? this.#errorBefore(this.shown.end, from);
    return error === null ? null : this.#goTo(error);
  }

  /** The first line of an error: what continues one is not another. */
  #errorBefore(end: number, first: number): number | null {
    for (let position = end - 1; position >= first; position -= 1) {
      const line = this.lineAt(position);
      if (line?.level === "error" && !this.#continuesAnError(line, position)) return line.at;
    }
    return null;
  }

  /** The lines of one traceback stand together, and several of them have the word for it. */
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

  /** Follows the end no longer. */
  stay(): void {
    if (!this.following) return;
    this.following = false;
    this.#seen = this.shown.end;
  }

  /** Goes to the end and sticks to it; what was held back comes. */
  follow(): void {
    this.following = true;
    this.paused = false;
    this.current = null;
    this.missed = 0;
  }

  /** Takes nothing in until `follow`. */
  pause(): void {
    this.stay();
    this.paused = true;
  }

  /** Says that the eye has come up to (without) this position. */
  see(end: number): void {
    this.#seen = Math.max(this.#seen, end);
  }

  /** The number of new lines below the visible part. */
  get unseen(): number {
    if (this.following) return 0;
    return this.#waitingSize + this.shown.end - Math.max(this.#seen, this.shown.first);
  }

  /** Chooses a line, or, with `extend`, everything from the one that was chosen to this. */
  choose(at: number, extend: boolean): void {
    this.chosen = extend && this.chosen ? [this.chosen[0], at] : [at, at];
  }

  isChosen(at: number): boolean {
    if (!this.chosen) return false;
    const [a, b] = this.chosen;
    return at >= Math.min(a, b) && at <= Math.max(a, b);
  }

  /** What is chosen, or, without a choice, all that is shown. */
  *toCopy(): Generator<Line> {
    const [a, b] = this.chosen ?? [0, Infinity];
    const end = Math.max(a, b);
    for (let at = this.shown.positionOf(Math.min(a, b)); at < this.shown.end; at += 1) {
      const line = this.lineAt(at);
      if (line && line.at > end) return;
      if (line) yield line;
    }
  }

  /** Forgets everything that came: another log is read. */
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

/** Whether these may be times of one and the same event. */
function together(a: string | null, b: string | null): boolean {
  return a === null || b === null || Math.abs(Date.parse(a) - Date.parse(b)) <= TOGETHER_MS;
}
