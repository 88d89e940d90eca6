/** A line of the log pane. */

import type { Pen } from "./ansi";

export type Level = "error" | "warning" | "info" | "debug" | "trace";

/** A line from the backend. */
export interface Given {
  readonly service: string;
  readonly run: string;
  readonly number: number;
  readonly time: string | null;
  readonly level: Level | null;
  /** With its terminal sequences. */
  readonly text: string;
}

/** A stored line. */
export interface Line extends Given {
  /** Its number among all received lines, from 0, which identifies it. */
  readonly at: number;
  /** Without terminal sequences. */
  readonly plain: string;
  /** The pen at the end of the line before. */
  readonly pen: Pen;
  /** Its level, or that of the line that it continues. */
  readonly grade: Level | null;
  /** Whether the service's line before it belongs to another run. */
  readonly begins: boolean;
}
