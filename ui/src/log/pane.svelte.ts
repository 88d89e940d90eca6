/**
 * The log as it moves: frame by frame, what came is taken in, what is in sight is drawn, and the scroll bar
 * is put where it belongs.
 */

import { flushSync } from "svelte";

import type { Threshold } from "./levels";
import type { Given, Line } from "./line";
import { draw, LONGEST, type Drawn } from "./pieces";
import type { Search } from "./query";
import { Reading } from "./reading";
import { Sight } from "./sight";

/** How high a row is that is not wrapped, in pixels. */
export const ROW = 20;
/** Of a frame of 16 ms; the rest is for drawing. */
const BUDGET_MS = 6;
/** What stands beside the text: the time with its gap, and the margins in pixels. */
const TIME_CHARACTERS = 13.2;
const MARGINS = 28;

/** What a person has set stays, whichever log is shown. */
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
  /** Neither of the two knows of Svelte: this changes when they have. */
  #version = $state(0);

  search: Search = $state.raw({ text: "", regex: false, matchCase: false });
  /** What is wrong with the pattern. */
  wrong: string | null = $state(null);
  /** What the status says. */
  said: string = $state("");

  scroller: HTMLElement | undefined = $state();
  rowsElement: HTMLElement | undefined = $state();
  /** Ten characters, to be measured. */
  probe: HTMLElement | undefined = $state();

  /** What was drawn, as long as its line and the search are the same. */
  #drawn = new WeakMap<Line, Drawn>();
  #columns = 80;
  #names = 0;
  #pending = 0;
  /** Whether the number of lines found is to be said once it is known. */
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

  /** Whether a row is not as high as was thought. */
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

  /** How wide the names beside the lines are, in characters; 0 if there are none. */
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
      // A pane that changes its height is scrolled by the browser, not by a person.
      this.resized();
      return;
    }
    const way = this.scroller ? this.#sight.scrolled(this.scroller.scrollTop) : "not";
    if (way === "not") return;
    const { reading } = this;
    if (way === "up" && !this.#sight.atEnd) reading.stay();
    else if (way === "down" && this.#sight.atEnd && !reading.paused && !reading.following) {
      // A line that was gone to may be near the end: the browser scrolls there late.
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

  /** Once, when all lines have been looked at: not while more come in. */
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

  /** To the next line found, or the one before. */
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

  /** Chooses one more line above or below. */
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

  /** Whether there was something to let go. */
  letGo(): boolean {
    if (this.reading.chosen === null && this.reading.current === null) return false;
    this.reading.chosen = null;
    this.reading.current = null;
    this.schedule();
    return true;
  }
}
