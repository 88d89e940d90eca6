/** A queue of ascending numbers: the lines that are shown, or found. */

export class Ascending {
  #numbers: number[] = [];
  /** The number of removed entries of `#numbers`. */
  #gone = 0;
  #first = 0;

  /** The position of the oldest. Positions do not change when others are removed. */
  get first(): number {
    return this.#first;
  }

  /** One past the position of the newest. */
  get end(): number {
    return this.#first + this.size;
  }

  get size(): number {
    return this.#numbers.length - this.#gone;
  }

  get(position: number): number | undefined {
    return position < this.#first ? undefined : this.#numbers[position - this.#first + this.#gone];
  }

  push(number: number): void {
    this.#numbers.push(number);
  }

  /** Removes all numbers below `number`, and returns how many. */
  dropBelow(number: number): number {
    const before = this.#gone;
    while (this.#gone < this.#numbers.length && (this.#numbers[this.#gone] ?? number) < number) {
      this.#gone += 1;
    }
    const dropped = this.#gone - before;
    this.#first += dropped;
    // Compacted rarely, so that a removal is cheap.
    if (this.#gone > 1024 && this.#gone * 2 > this.#numbers.length) {
      this.#numbers = this.#numbers.slice(this.#gone);
      this.#gone = 0;
    }
    return dropped;
  }

  /** The first position whose number is not below `number`; `end` if there is none. */
  positionOf(number: number): number {
    let low = this.#first;
    let high = this.end;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if ((this.get(middle) ?? Infinity) < number) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  clear(): void {
    this.#numbers = [];
    this.#gone = 0;
    this.#first = 0;
  }
}
