/** Formats JSON lines for people: `INFO  request done  status=200 path=/health`. */

import type { Given, Level } from "./line";

const MESSAGE = ["msg", "message", "event"];
const LEVEL = ["level", "lvl", "severity", "levelname"];
/** Keys that are not shown: the pane has its own times, and the others are the same on every line. */
const LEFT_OUT = ["time", "timestamp", "ts", "@timestamp", "asctime", "pid", "hostname", "v"];

/** The names of levels in libraries, and pino's numbers. */
const LEVELS: Record<string, Level> = {
  trace: "trace",
  10: "trace",
  debug: "debug",
  20: "debug",
  info: "info",
  notice: "info",
  30: "info",
  warn: "warning",
  warning: "warning",
  40: "warning",
  error: "error",
  err: "error",
  50: "error",
  critical: "error",
  fatal: "error",
  panic: "error",
  60: "error",
};

const COLOUR: Record<Level, string> = { error: "31", warning: "33", info: "32", debug: "2", trace: "2" };
const WORD: Record<Level, string> = {
  error: "ERROR",
  warning: "WARN ",
  info: "INFO ",
  debug: "DEBUG",
  trace: "TRACE",
};

/** The line with its JSON object formatted, or the line itself if it is not an object with a message. */
export function structured(line: Given): Given {
  const { text } = line;
  if (!text.startsWith("{") || !text.trimEnd().endsWith("}")) return line;
  const object = parsed(text);
  if (object === null) return line;
  const message = MESSAGE.find((key) => typeof object[key] === "string");
  if (message === undefined) return line;
  const levelled = LEVEL.find((key) => key in object);
  const said = levelled === undefined ? undefined : String(object[levelled]).toLowerCase();
  const level = said === undefined ? undefined : LEVELS[said];
  const parts = Object.entries(object)
    .filter(([key]) => key !== message && key !== levelled && !LEFT_OUT.includes(key))
    .map(([key, value]) => `\u001b[2m${key}=\u001b[22m${shown(value)}`);
  const word = level === undefined ? [] : [`\u001b[${COLOUR[level]}m${WORD[level]}\u001b[39;22m`];
  return {
    ...line,
    level: level ?? line.level,
    text: [...word, String(object[message]), ...parts].join(" "),
  };
}

function parsed(text: string): Record<string, unknown> | null {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return null;
  }
}

/** A value on one line, quoted if its end would not be clear. */
function shown(value: unknown): string {
  const isPlain = typeof value === "string" && /^[^\s"=]+$/.test(value);
  return isPlain ? value : JSON.stringify(value);
}
