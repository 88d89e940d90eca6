/** Durations and sizes with at most two units, which are easy to compare. */
const UNITS: readonly [string, number][] = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1_000],
];

/** A duration in whole units: `45 s`, `1 h 12 m`, `3 d`. Negative durations count as 0. */
export function duration(milliseconds: number): string {
  const whole = Math.max(0, Math.floor(milliseconds / 1000)) * 1000;
  const at = UNITS.findIndex(([, size]) => whole >= size);
  const unit = UNITS[at];
  if (unit === undefined) return "0 s";
  const [name, size] = unit;
  const most = `${Math.floor(whole / size)} ${name}`;
  const next = UNITS[at + 1];
  if (next === undefined) return most;
  const rest = Math.floor((whole % size) / next[1]);
  return rest === 0 ? most : `${most} ${rest} ${next[0]}`;
}

/** The duration of something that continues, with tenths while it is short. */
export function stopwatch(milliseconds: number): string {
  const seconds = Math.max(0, milliseconds) / 1000;
  return seconds < 10 ? `${seconds.toFixed(1)} s` : duration(milliseconds);
}

/** The time of an answer: `0.4 ms`, `12 ms`, `1.2 s`. */
export function latency(milliseconds: number): string {
  if (milliseconds < 9.95) return `${milliseconds.toFixed(1)} ms`;
  if (milliseconds < 999.5) return `${Math.round(milliseconds)} ms`;
  return `${(milliseconds / 1000).toFixed(1)} s`;
}

/** Memory, with three digits at most: `812 kB`, `49 MB`, `1.4 GB`. */
export function bytes(count: number): string {
  if (count < 1e3) return `${Math.round(count)} B`;
  for (const [unit, size] of [
    ["kB", 1e3],
    ["MB", 1e6],
    ["GB", 1e9],
  ] as const) {
    const value = count / size;
    if (value < 9.95) return `${value.toFixed(1).replace(/\.0$/, "")} ${unit}`;
    if (value < 999.5 || unit === "GB") return `${Math.round(value)} ${unit}`;
  }
  return `${count} B`;
}

/** A share of one core: `0.3 %`, `12 %`, `240 %`. */
export function percent(share: number): string {
  return share < 9.95 ? `${share.toFixed(1)} %` : `${Math.round(share)} %`;
}

/** `1 service`, `3 services`. */
export function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`;
}

/** `a`, `a and b`, `a, b and c`, `a, b and 3 more`. */
export function list(names: readonly string[], most = 3): string {
  const shown = names.length > most ? names.slice(0, most - 1) : [...names];
  const rest = names.length - shown.length;
  const last = rest > 0 ? `${rest} more` : shown.pop();
  if (last === undefined) return "";
  return shown.length === 0 ? last : `${shown.join(", ")} and ${last}`;
}

/** A time of the wire in milliseconds, or null without a time. */
export function moment(time: string | null): number | null {
  if (time === null) return null;
  const parsed = Date.parse(time);
  return Number.isNaN(parsed) ? null : parsed;
}
