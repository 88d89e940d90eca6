/**
 * The frames of the log: each reads new lines, draws the visible rows, and updates the scroll bar.
 */

import { flushSync } from "svelte";

import type { Threshold } from "./levels";
import type { Given, Line } from "./line";
import { draw, LONGEST, type Drawn } from "./pieces";
import type { Search } from "./query";
import { Reading } from "./reading";
import { Sight } from "./sight";

/** The height of an unwrapped row in pixels. */
export const ROW = 20;
/** The time for reading within a frame of 16 ms, in milliseconds; the rest is for drawing. */
const BUDGET_MS = 6;
/** The width beside the text: the time with its gap, and the margins in pixels. */
const TIME_CHARACTERS = 13.2;
const MARGINS = 28;

/** The user's settings, which apply to every log. */
export const look = $state({ times: true, wrap: false, probes: false, json: false, onlyFound: false });

export interface Row {
  readonly line: Line;
  readonly drawn: Drawn;
  readonly current: boolean;
  readonly chosen: boolean;
}

export class Pane {
  readonly reading = new Reading();
  readonly #sight = new Sight();
  /** Neither of the two is reactive: this number changes when they have changed. */
  #version = $state(0);

  search: Search = $state.raw({ text: "", regex: false, matchCase: false });
  /** The error in the pattern. */
  wrong: string | null = $state(null);
  /** The text of the status. */
  said: string = $state("");

  scroller: HTMLElement | undefined = $state();
  rowsElement: HTMLElement | undefined = $state();
  /** Ten characters to measure. */
  probe: HTMLElement | undefined = $state();

  /** The drawn rows, as long as their lines and the search are the same. */
  #drawn = new WeakMap<Line, Drawn>();
  #columns = 80;
  #names = 0;
  #pending = 0;
  /** Whether to announce the number of matches once it is known. */
  #asked = false;

  readonly now = $derived.by(() => {
    void this.#version;
    const { reading } = this;
    return {
      following: reading.following,
      paused: reading.paused,
      unseen: reading.unseen,
      threshold: reading.threshold,
      found: reading.found.size,
      place: reading.place,
      searchedAll: reading.searchedAll,
      kept: reading.lines.size,
      shown: reading.shown.size,
      folded: reading.folded.size,
    };
  });

  readonly rows = $derived.by(() => {
    void this.#version;
    const [from, to] = this.#sight.rows;
    const list: Row[] = [];
    for (let position = from; position < to; position += 1) {
      const line = this.reading.lineAt(position);
      if (line) list.push(this.#row(line));
    }
    return { list, height: this.#sight.height, offset: this.#sight.offset };
  });

  #row(line: Line): Row {
    let drawn = this.#drawn.get(line);
    if (!drawn) {
      drawn = draw(line, this.reading.ranges(line));
      this.#drawn.set(line, drawn);
    }
    const { current } = this.reading;
    return { line, drawn, current: line.at === current, chosen: this.reading.isChosen(line.at) };
  }

  take(lines: Given[]): void {
    this.reading.give(lines);
    this.schedule();
  }

  /** Another log is shown. */
  clear(): void {
    this.reading.clear();
    this.rebuild();
  }

  end(): void {
    cancelAnimationFrame(this.#pending);
  }

  schedule(): void {
    this.#pending ||= requestAnimationFrame(() => this.#frame());
  }

  #frame(): void {
    this.#pending = 0;
    this.#advance(BUDGET_MS);
    this.#sayWhatIsFound();
    this.#show();
    if (this.reading.busy) this.schedule();
  }

  #advance(budget: number): void {
    const { shown } = this.reading;
    this.reading.advance(budget, () => performance.now());
    this.#sight.follow(shown.first, shown.end, this.#estimate);
  }

  #show(): void {
    if (!this.scroller) return;
    const sight = this.#sight;
    for (let round = 0; round < 3; round += 1) {
      if (this.reading.following) sight.toEnd();
      this.reading.see(sight.heights.at(sight.top + sight.view) + 1);
      flushSync(() => {
        this.#version += 1;
      });
      if (!look.wrap || !this.#measureRows()) break;
    }
    if (Math.abs(this.scroller.scrollTop - sight.bar) >= 1) this.scroller.scrollTop = sight.bar;
  }

  /** Returns whether a row has another height than estimated. */
  #measureRows(): boolean {
    let news = false;
    for (const element of this.rowsElement?.children ?? []) {
      const at = Number((element as HTMLElement).dataset["at"]);
      const position = this.reading.shown.positionOf(at);
      news = this.#sight.measured(position, element.getBoundingClientRect().height) || news;
    }
    return news;
  }

  #estimate = (position: number): number => {
    if (!look.wrap) return ROW;
    const length = Math.min(this.reading.lineAt(position)?.plain.length ?? 0, LONGEST);
    return ROW * Math.max(1, Math.ceil(length / this.#columns));
  };

  /** The width of the names beside the lines in characters; 0 without names. */
  arrange(names: number): void {
    this.#names = names;
    this.#measureColumns();
    this.rebuild();
  }

  resized(): void {
    if (!this.scroller) return;
    this.#sight.view = this.scroller.clientHeight;
    const before = this.#columns;
    this.#measureColumns();
    if (look.wrap && this.#columns !== before) this.rebuild();
    this.schedule();
  }

  #measureColumns(): void {
    const character = (this.probe?.getBoundingClientRect().width ?? 0) / 10;
    if (!this.scroller || character === 0) return;
    const beside = (look.times ? TIME_CHARACTERS : 0) + (this.#names === 0 ? 0 : this.#names + 1.2);
    const width = (this.scroller.clientWidth - MARGINS) / character;
    this.#columns = Math.max(8, Math.floor(width - beside));
  }

  rebuild(): void {
    const { shown } = this.reading;
    this.#sight.rebuild(shown.first, shown.end, this.#estimate);
    this.schedule();
  }

  scrolled(): void {
    if (this.scroller && this.scroller.clientHeight !== this.#sight.view) {
      // When the pane changes its height, the browser scrolls it, not the user.
      this.resized();
      return;
    }
    const way = this.scroller ? this.#sight.scrolled(this.scroller.scrollTop) : "not";
    if (way === "not") return;
    const { reading } = this;
    if (way === "up" && !this.#sight.atEnd) reading.stay();
    else if (way === "down" && this.#sight.atEnd && !reading.paused && !reading.following) {
      // The target line may be near the end, where the browser scrolls late.
      if (reading.current === null) reading.follow();
    }
    this.schedule();
  }

  changeSearch(to: Search): void {
    this.search = to;
    if (look.onlyFound) this.#keepPlace(() => (this.wrong = this.reading.search(to)));
    else this.wrong = this.reading.search(to);
    this.#drawn = new WeakMap();
    this.#asked = this.wrong === null && to.text !== "";
    this.schedule();
  }

  /** Announces the matches once all lines are searched, and not while more arrive. */
  #sayWhatIsFound(): void {
    if (!this.#asked || !this.reading.searchedAll) return;
    this.#asked = false;
    const { size } = this.reading.found;
    this.said = size === 1 ? "1 line found" : `${size.toLocaleString("en")} lines found`;
  }

  filter(threshold: Threshold): void {
    this.#keepPlace(() => this.reading.filter(threshold));
  }

  /** Folds away the lines that `folds` recognises; null shows all. */
  fold(folds: ((line: Line) => boolean) | null): void {
    this.#keepPlace(() => this.reading.fold(folds));
  }

  /** Shows only the lines of a run; null shows all. */
  only(run: string | null): void {
    this.#keepPlace(() => this.reading.only(run));
  }

  showOnlyFound(only: boolean): void {
    this.#keepPlace(() => this.reading.showOnlyFound(only));
  }

  #keepPlace(change: () => void): void {
    const first = this.reading.lineAt(this.#sight.place.position)?.at ?? 0;
    change();
    this.rebuild();
    this.#sight.putFirst(this.reading.shown.positionOf(first));
  }

  reveal(at: number | null): void {
    if (at === null) return;
    this.#sight.reveal(this.reading.shown.positionOf(at));
    this.schedule();
  }

  /** Goes to the next or the previous match. */
  step(by: 1 | -1): void {
    // Enter right after typing searches all lines for the typed text.
    this.#advance(Infinity);
    this.#goTo(this.reading.findNext(by), "");
  }

  lastError(): void {
    this.#advance(Infinity);
    this.#goTo(this.reading.lastError(), "No errors here");
  }

  #goTo(at: number | null, otherwise: string): void {
    this.reveal(at);
    const line = at === null ? undefined : this.reading.lines.get(at);
    this.said = line?.plain.slice(0, 200) ?? otherwise;
  }

  follow(): void {
    this.reading.follow();
    this.schedule();
  }

  toggleFollow(): void {
    if (this.reading.following) this.reading.stay();
    else this.reading.follow();
    this.schedule();
  }

  togglePause(): void {
    if (this.reading.paused) this.reading.follow();
    else this.reading.pause();
    this.schedule();
  }

  choose(at: number, extend: boolean): void {
    this.reading.choose(at, extend);
    this.schedule();
  }

  /** Extends the selection by one line above or below. */
  extend(by: 1 | -1): void {
    const { shown, chosen, current } = this.reading;
    const from = chosen?.[1] ?? current ?? shown.get(shown.end - 1);
    if (from === undefined) return;
    const to = chosen ? shown.get(shown.positionOf(from) + by) : from;
    if (to === undefined) return;
    this.reading.stay();
    this.reading.choose(to, true);
    this.reveal(to);
  }

  chooseAll(): void {
    const { shown } = this.reading;
    const first = shown.get(shown.first);
    const last = shown.get(shown.end - 1);
    if (first === undefined || last === undefined) return;
    this.reading.choose(first, false);
    this.choose(last, true);
  }

  /** Clears the selection. Returns whether one existed. */
  letGo(): boolean {
    if (this.reading.chosen === null && this.reading.current === null) return false;
    this.reading.chosen = null;
    this.reading.current = null;
    this.schedule();
    return true;
  }
}
