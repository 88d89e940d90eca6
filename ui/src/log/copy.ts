/** Formats lines as text to copy or save. */

import type { Line } from "./line";
import { dateAndClock } from "./time";

export interface What {
  readonly times: boolean;
  readonly services: boolean;
}

/** Formats lines without terminal sequences, with the shown times and names. */
export function asText(lines: Iterable<Line>, what: What): string {
  let text = "";
  for (const line of lines) {
    if (what.times && line.time !== null) text += `${dateAndClock(line.time)} `;
    if (what.services) text += `${line.service} `;
    text += `${line.plain}\n`;
  }
  return text;
}
