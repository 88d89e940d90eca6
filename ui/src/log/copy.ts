/** Lines as text, to be put elsewhere. */

import type { Line } from "./line";
import { dateAndClock } from "./time";

export interface What {
  readonly times: boolean;
  readonly services: boolean;
}

/** A line each, without terminal sequences, with what is shown beside them. */
export function asText(lines: Iterable<Line>, what: What): string {
  let text = "";
  for (const line of lines) {
    if (what.times && line.time !== null) text += `${dateAndClock(line.time)} `;
    if (what.services) text += `${line.service} `;
    text += `${line.plain}\n`;
  }
  return text;
}
