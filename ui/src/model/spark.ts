import type { UsageSample } from "../backend/wire";

export interface Point {
  at: number;
  value: number;
}

export type Figure = "cpu_percent" | "memory_bytes" | "latency_ms";

/** Samples further apart than this are not connected, since the time between is unknown. */
const GAP = 12_000;
/** The same for samples of an hour. */
export const GAP_OF_HOUR = 70_000;

/** One figure of one service over time. */
export function series(
  samples: readonly UsageSample[],
  file: string,
  service: string,
  figure: Figure,
): Point[] {
  const points: Point[] = [];
  for (const sample of samples) {
    const usage = sample.services.find((one) => one.service === service && one.file === file);
    const value = usage?.[figure] ?? null;
    if (value !== null) points.push({ at: Date.parse(sample.at), value });
  }
  return points;
}

/** A margin, so that the largest value does not touch the edge. */
const HEADROOM = 1.3;

export interface Box {
  width: number;
  height: number;
}

/** The paths of a sparkline: its line, and the area beneath. Empty without points. */
export interface Curve {
  line: string;
  area: string;
}

/**
 * The curve of the time from `now - span` to `now`, left to right. Its top is `top`, or a bit above
 * the largest value if that is more.
 */
export function curve(
  points: readonly Point[],
  { width, height }: Box,
  now: number,
  span: number,
  top: number,
  gap = GAP,
): Curve {
  const most = Math.max(top, ...points.map((point) => point.value * HEADROOM));
  const x = (at: number) => round(((at - (now - span)) / span) * width);
  // Half a pixel above and below, for the line's own width.
  const y = (value: number) => round(height - 1 - (value / most) * (height - 2));
  let line = "";
  let area = "";
  for (const piece of pieces(points.filter((point) => point.at >= now - span), gap)) {
    const [first, last] = [piece[0] as Point, piece.at(-1) as Point];
    const drawn = piece.map((point) => `${x(point.at)} ${y(point.value)}`);
    // A single sample is a dot of the line's width.
    const path = `M${drawn.join("L")}${piece.length === 1 ? "h0.1" : ""}`;
    line += path;
    if (piece.length > 1) area += `${path}L${x(last.at)} ${height}L${x(first.at)} ${height}Z`;
  }
  return { line, area };
}

function pieces(points: readonly Point[], gap: number): Point[][] {
  const made: Point[][] = [];
  let previous: Point | undefined;
  for (const point of points) {
    if (previous === undefined || point.at - previous.at > gap) made.push([]);
    made.at(-1)?.push(point);
    previous = point;
  }
  return made;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
