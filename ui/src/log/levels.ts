/** The levels of lines, and the filter by level. */

import type { Level } from "./line";

/** Lowest first. */
export const LEVELS: readonly Level[] = ["trace", "debug", "info", "warning", "error"];

/** The level of a line without a level. */
const USUAL: Level = "info";

/** The longest time from an error to its traceback. */
const TOGETHER_MS = 1000;

/** The filter: everything, or lines at this level or higher. */
export type Threshold = "all" | Exclude<Level, "trace">;

/** Whether a line of this level is shown. */
export function passes(grade: Level | null, threshold: Threshold): boolean {
  if (threshold === "all") return true;
  return LEVELS.indexOf(grade ?? USUAL) >= LEVELS.indexOf(threshold);
}

interface Said {
  readonly level: Level;
  readonly run: string;
  readonly time: number | null;
}

/**
 * Gives each line its level, or the level of the line that it continues. A traceback belongs to its error,
 * so that "errors only" shows it.
 */
export class Grades {
  readonly #said = new Map<string, Said>();

  of(line: {
    service: string;
    run: string;
    time: string | null;
    level: Level | null;
  }): Level | null {
    const time = line.time === null ? null : Date.parse(line.time);
    if (line.level !== null) {
      this.#said.set(line.service, { level: line.level, run: line.run, time });
      return line.level;
    }
    const said = this.#said.get(line.service);
    if (!said || said.run !== line.run) return null;
    const together = time === null || said.time === null || time - said.time <= TOGETHER_MS;
    return together ? said.level : null;
  }

  clear(): void {
    this.#said.clear();
  }
}
