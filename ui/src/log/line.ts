/** A line as the log pane keeps it. */

import type { Pen } from "./ansi";

export type Level = "error" | "warning" | "info" | "debug" | "trace";

/** A line as the backend gives it. */
export interface Given {
  readonly service: string;
  readonly run: string;
  readonly number: number;
  readonly time: string | null;
  readonly level: Level | null;
  /** With its terminal sequences. */
  readonly text: string;
}

/** A line that is kept. */
export interface Line extends Given {
  /** Its place among all that ever came, from 0: what it is known by. */
  readonly at: number;
  /** Without terminal sequences. */
  readonly plain: string;
  /** What the line before it left the pen at. */
  readonly pen: Pen;
  /** Its level, or that of the line which it continues. */
  readonly grade: Level | null;
  /** Whether the service's line before it was another run's. */
  readonly begins: boolean;
}
