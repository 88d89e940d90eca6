/**
 * The heights of rows, which are estimated until they are measured. Finds the position of a row, and the
 * row at a position, quickly among a hundred thousand rows.
 */

const BLOCK = 512;

interface Block {
  sum: number;
  readonly heights: Float64Array;
}

export class Heights {
  /** The blocks, by number from `#firstBlock`. */
  #blocks: Block[] = [];
  #firstBlock = 0;
  #first = 0;
  #end = 0;

  get first(): number {
    return this.#first;
  }

  get end(): number {
    return this.#end;
  }

  /** The height of all rows. */
  get total(): number {
    return this.top(this.#end);
  }

  push(height: number): void {
    const at = this.#end;
    if (this.#blocks.length === 0) this.#firstBlock = Math.floor(at / BLOCK);
    const number = Math.floor(at / BLOCK) - this.#firstBlock;
    let block = this.#blocks[number];
    if (!block) {
      block = { sum: 0, heights: new Float64Array(BLOCK) };
      this.#blocks[number] = block;
    }
    block.heights[at % BLOCK] = height;
    block.sum += height;
    this.#end += 1;
  }

  /** Removes the oldest rows, up to `position`, exclusive. */
  dropTo(position: number): void {
    for (const end = Math.min(position, this.#end); this.#first < end; this.#first += 1) {
      this.set(this.#first, 0);
    }
    const gone = Math.floor(this.#first / BLOCK) - this.#firstBlock;
    if (gone > 0 && this.#blocks.length > 0) {
      this.#blocks.splice(0, gone);
      this.#firstBlock += gone;
    }
  }

  get(position: number): number {
    return this.#block(position)?.heights[position % BLOCK] ?? 0;
  }

  set(position: number, height: number): void {
    const block = this.#block(position);
    if (!block || position >= this.#end) return;
    block.sum += height - this.get(position);
    block.heights[position % BLOCK] = height;
  }

  /** The distance of a row from the top of the first row. */
  top(position: number): number {
    const number = Math.floor(position / BLOCK) - this.#firstBlock;
    let top = 0;
    for (const block of this.#blocks.slice(0, Math.max(0, number))) top += block.sum;
    const last = this.#blocks[number];
    if (last) {
      for (let at = 0; at < position % BLOCK; at += 1) top += last.heights[at] ?? 0;
    }
    return top;
  }

  /** The row at this distance from the top of the first; the last one if it is further than that. */
  at(distance: number): number {
    let rest = distance;
    let number = 0;
    while (number < this.#blocks.length - 1 && rest >= (this.#blocks[number]?.sum ?? 0)) {
      rest -= this.#blocks[number]?.sum ?? 0;
      number += 1;
    }
    const block = this.#blocks[number];
    let position = Math.max(this.#first, (this.#firstBlock + number) * BLOCK);
    while (block && position < this.#end - 1 && rest >= (block.heights[position % BLOCK] ?? 0)) {
      rest -= block.heights[position % BLOCK] ?? 0;
      position += 1;
    }
    return position;
  }

  /** Removes all rows. The next row gets this position. */
  restart(first = 0): void {
    this.#blocks = [];
    this.#firstBlock = 0;
    this.#first = first;
    this.#end = first;
  }

  #block(position: number): Block | undefined {
    return this.#blocks[Math.floor(position / BLOCK) - this.#firstBlock];
  }
}
