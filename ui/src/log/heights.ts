/**
 * How high rows are: estimated until they have been measured. Tells quickly where a row stands and which
 * row stands somewhere, among a hundred thousand that come and go.
 */

const BLOCK = 512;

interface Block {
  sum: number;
  readonly heights: Float64Array;
}

export class Heights {
  /** By the number of the block, counted from `#firstBlock`. */
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

  /** Of all rows. */
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

  /** Lets the oldest rows go, up to and without `position`. */
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

  /** Where the row begins, from the top of the first. */
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

  /** Forgets all; the next row has this position. */
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
