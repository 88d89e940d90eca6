/** The lines that our own health probes cause in the log of a service. */

import type { Line } from "./line";

const SPECIAL = /[.*+?^${}()|[\]\\]/g;

/**
 * Returns a function that recognises access log lines of probes: a GET of a path of `paths` (by service)
 * that did not fail.
 */
export function probeLines(paths: Record<string, string[]>): (line: Line) => boolean {
  const patterns = new Map<string, RegExp>();
  for (const [service, requested] of Object.entries(paths)) {
    const any = requested.map((path) => path.replace(SPECIAL, "\\$&")).join("|");
    if (any !== "") patterns.set(service, new RegExp(`\\bGET (?:${any})(?=[\\s"']|$)(.*)$`));
  }
  return (line) => {
    if (line.level === "error" || line.level === "warning") return false;
    const rest = patterns.get(line.service)?.exec(line.plain)?.[1];
    return rest !== undefined && !/\b[45]\d\d\b/.test(rest);
  };
}
