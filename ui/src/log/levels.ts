/** How grave lines are, and what of them is shown. */

import type { Level } from "./line";

/** Lightest first. */
export const LEVELS: readonly Level[] = ["trace", "debug", "info", "warning", "error"];

/** A line that says nothing of itself counts as the usual. */
const USUAL: Level = "info";

/** How long after an error its traceback may come. */
const TOGETHER_MS = 1000;

/** What is shown: everything, or what is at least that grave. */
export type Threshold = "all" | Exclude<Level, "trace">;

/** Whether a line of this grade is shown. */
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
 * Gives each line its grade: its own level, or that of the line that it continues. A traceback belongs to
 * its error, so that "errors only" shows it.
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
