/** The newest lines: a ring that is never larger than what a window can hold. */

import { PLAIN, read, type Pen } from "./ansi";
import { Grades } from "./levels";
import type { Given, Line } from "./line";

/** 131,072: more than the 100,000 that are to stay smooth, at about 40 MB. */
export const CAPACITY = 2 ** 17;

interface State {
  readonly run: string;
  readonly pen: Pen;
}

export class Lines {
  readonly #capacity: number;
  #ring: Line[] = [];
  #end = 0;
  readonly #states = new Map<string, State>();
  readonly #grades = new Grades();
  /** What is made of each line that comes. */
  shape: (given: Given) => Given = (given) => given;

  constructor(capacity = CAPACITY) {
    this.#capacity = capacity;
  }

  /** The oldest that is still there. */
  get first(): number {
    return Math.max(0, this.#end - this.#capacity);
  }

  /** One past the newest. */
  get end(): number {
    return this.#end;
  }

  get size(): number {
    return this.#end - this.first;
  }

  /** `undefined` for one that was let go, or has not come. */
  get(at: number): Line | undefined {
    return at >= this.first && at < this.#end ? this.#ring[at % this.#capacity] : undefined;
  }

  /** Takes a line in, and lets the oldest go where there is no more room. */
  push(came: Given): Line {
    const given = this.shape(came);
    const before = this.#states.get(given.service);
    const goesOn = before?.run === given.run;
    // A new run starts with a clean pen, whatever the one before it died in the middle of.
    const pen = goesOn ? before.pen : PLAIN;
    const styled = read(given.text, pen);
    if (!goesOn || styled.pen !== pen) {
      this.#states.set(given.service, { run: given.run, pen: styled.pen });
    }
    const line: Line = {
      ...given,
      at: this.#end,
      plain: styled.plain,
      pen,
      grade: this.#grades.of(given),
      begins: before !== undefined && !goesOn,
    };
    this.#ring[this.#end % this.#capacity] = line;
    this.#end += 1;
    return line;
  }

  clear(): void {
    this.#ring = [];
    this.#end = 0;
    this.#states.clear();
    this.#grades.clear();
  }
}
