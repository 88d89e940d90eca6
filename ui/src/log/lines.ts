/** The newest lines, in a ring buffer of limited size. */

import { PLAIN, read, type Pen } from "./ansi";
import { Grades } from "./levels";
import type { Given, Line } from "./line";

/** 131,072: more than the 100,000 lines that must scroll smoothly, in about 40 MB. */
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
  /** Converts each new line. */
  shape: (given: Given) => Given = (given) => given;

  constructor(capacity = CAPACITY) {
    this.#capacity = capacity;
  }

  /** The oldest stored line. */
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

  /** `undefined` for a line that was removed or has not arrived. */
  get(at: number): Line | undefined {
    return at >= this.first && at < this.#end ? this.#ring[at % this.#capacity] : undefined;
  }

  /** Adds a line, and removes the oldest if the buffer is full. */
  push(came: Given): Line {
    const given = this.shape(came);
    const before = this.#states.get(given.service);
    const goesOn = before?.run === given.run;
    // A new run starts with the default pen, even if the previous run ended within a colour.
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
