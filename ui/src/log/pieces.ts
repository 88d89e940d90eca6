/** The drawn pieces of a line: spans, split where a highlight begins or ends. */

import { read, type Pen } from "./ansi";
import type { Line } from "./line";
import type { Range } from "./query";

export interface Piece {
  readonly text: string;
  readonly pen: Pen;
  readonly marked: boolean;
}

export interface Drawn {
  readonly pieces: readonly Piece[];
  /** The number of characters that are not drawn. */
  readonly left: number;
}

/** The maximum number of characters that are drawn of a line. A longer one takes long to lay out. */
export const LONGEST = 8000;

export function draw(line: Line, ranges: readonly Range[], longest = LONGEST): Drawn {
  const pieces: Piece[] = [];
  let at = 0;
  let next = 0;
  for (const span of read(line.text, line.pen).spans) {
    if (at >= longest) break;
    const end = Math.min(at + span.text.length, longest);
    let from = at;
    while (from < end) {
      while ((ranges[next]?.[1] ?? Infinity) <= from) next += 1;
      const range = ranges[next];
      const marked = range !== undefined && range[0] <= from;
      const to = Math.min(end, marked ? range[1] : (range?.[0] ?? end));
      pieces.push({ text: span.text.slice(from - at, to - at), pen: span.pen, marked });
      from = to;
    }
    at += span.text.length;
  }
  return { pieces, left: Math.max(0, line.plain.length - longest) };
}
