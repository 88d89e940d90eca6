import type { Light, StackView } from "../backend/wire";

/** The start of one service, in milliseconds since the first of the stack. */
export interface Bar {
  name: string;
  light: Light;
  /** The services that it waited for, by name. */
  needs: string[];
  begins: number;
  /** When it was ready; now if it is still starting. */
  ends: number;
  starting: boolean;
}

export interface Waterfall {
  bars: Bar[];
  total: number;
  /** The longest start. */
  slowest: Bar;
}

/** Starts that are further apart belong to different requests. */
const APART = 1_500;
/** A service that became ready later than this recovered from something else. */
const LONGEST = 600_000;

/** The latest start of a stack: which service waited for which, and how long each took. */
export function waterfall(stack: StackView, now: number): Waterfall | null {
  const starts = stack.services.flatMap((service) => {
    const { name, light, needs, phase } = service;
    if (service.started === null || service.since === null || service.adopted) return [];
    const isOver = phase === "ready" || (phase === "stopped" && light === "green");
    if (!isOver && phase !== "starting") return [];
    const begins = Date.parse(service.started);
    const ends = isOver ? Date.parse(service.since) : now;
    if (ends < begins || ends - begins > LONGEST) return [];
    return [{ name, light, needs, begins, ends, starting: !isOver }];
  });
  starts.sort((a, b) => a.begins - b.begins);
  let latest: Bar[] = [];
  let end = -Infinity;
  for (const start of starts) {
    if (start.begins > end + APART) latest = [];
    latest.push(start);
    end = Math.max(end, start.ends);
  }
  const first = latest[0];
  if (first === undefined) return null;
  const bars = latest.map((bar) => ({
    ...bar,
    begins: bar.begins - first.begins,
    ends: bar.ends - first.begins,
  }));
  const length = (bar: Bar) => bar.ends - bar.begins;
  const slowest = bars.reduce((one, other) => (length(other) > length(one) ? other : one));
  return { bars, total: end - first.begins, slowest };
}
