// The input of the window: snapshots of the core's model (`cargo xtask generate`), with the other data of a
// host.
import { readFileSync } from "node:fs";

import type { KnownStack, LogLine, Settings, Snapshot, UsageSample } from "../src/backend/wire";
import type { Scene } from "../src/fake/scenes";

const SNAPSHOTS = JSON.parse(
  readFileSync(new URL("./snapshots.json", import.meta.url), "utf8"),
) as Record<string, { at: number; snapshot: Snapshot }>;

/** The names of all snapshots of the core. */
export const DAYS = Object.keys(SNAPSHOTS);

export const SETTINGS: Settings = {
  start_at_login: true,
  notifications: true,
  on_quit: "ask",
  theme: "system",
};

function find(day: string) {
  const found = SNAPSHOTS[day];
  if (!found) throw new Error(`no day ${day}; there are: ${DAYS.join(", ")}`);
  return found;
}

export const snapshot = (day: string): Snapshot => structuredClone(find(day).snapshot);

/** The input of the window, and its time. */
export interface Given extends Scene {
  now: number;
}

/** The window on this day. */
export function scene(day: string, given: Partial<Scene["whole"]> = {}, log = chatter(day)): Given {
  const made = snapshot(day);
  const now = find(day).at;
  return {
    whole: {
      kind: "whole",
      version: "0.1.0",
      platform: "linux",
      snapshot: made,
      stacks: known(made),
      settings: SETTINGS,
      usage: usage(made, now),
      tray: true,
      ...given,
    },
    log,
    now,
  };
}

/** The window without stacks. */
export function empty(given: Partial<Scene["whole"]> = {}): Given {
  const nothing = { snapshot: { stacks: [] }, stacks: [], usage: [] };
  return scene("stopped", { ...nothing, ...given }, []);
}

export function known(made: Snapshot, change: KnownStack["change"] = null): KnownStack[] {
  return made.stacks.map(({ file, name }, at) => ({
    file,
    name,
    folder: file.slice(0, file.lastIndexOf("/")),
    start_at_login: at === 0,
    change,
  }));
}

/** Five minutes of usage, always the same. */
function usage(made: Snapshot, now: number): UsageSample[] {
  return Array.from({ length: 61 }, (_, at) => ({
    at: new Date(now - (60 - at) * 5000).toISOString(),
    services: made.stacks.flatMap(({ file, services }) =>
      services.flatMap(({ name, pid }, place) =>
        pid === null
          ? []
          : [
              {
                file,
                service: name,
                cpu_percent: 1.5 + place + 1.4 * Math.sin(at / (3 + place)),
                memory_bytes: 9e6 * (1 + place * 4) + at * 40_000,
              },
            ],
      ),
    ),
  }));
}

/** The time of the first line. */
const LOGGED = Date.parse("2026-01-09T11:11:40Z");

const E = "\u001b[";

/** Output of the programs of such a stack. */
const SAID: [string, LogLine["level"], string][] = [
  ["redis", "info", "1:M 09 Jan 2026 11:12:00.000 * Ready to accept connections tcp"],
  ["backend", "info", `${E}32mINFO${E}0m:     Uvicorn running on ${E}1mhttp://127.0.0.1:8001${E}0m`],
  ["frontend", null, `  ${E}32m${E}1mVITE${E}22m v7.1.2${E}39m  ${E}2mready in ${E}0m${E}1m312${E}22m ms`],
  ["frontend", null, `  ${E}32m➜${E}39m  ${E}1mLocal${E}22m:   ${E}36mhttp://localhost:${E}1m5173${E}22m/${E}39m`],
  ["backend", "info", `${E}32mINFO${E}0m:     127.0.0.1:52144 - "${E}1mGET /v1/health HTTP/1.1${E}0m" ${E}32m200 OK${E}0m`],
  ["backend", "warning", `${E}33mWARNING${E}0m:  no OPENAI_API_KEY is set, answers are canned`],
  ["backend", "info", `${E}32mINFO${E}0m:     127.0.0.1:52150 - "${E}1mPOST /v1/sessions/ HTTP/1.1${E}0m" ${E}91m500 Internal Server Error${E}0m`],
  ["backend", "error", `${E}31mERROR${E}0m:    Exception in ASGI application`],
  ["backend", "error", "Traceback (most recent call last):"],
  ["backend", null, '  File "/home/anna/nexus/backend/sessions.py", line 31, in create_session'],
  ["backend", null, "    await redis.hset(key, mapping=session)"],
  ["backend", "error", "redis.exceptions.ConnectionError: Error 111 connecting to 127.0.0.1:6379. Connection refused."],
  ["frontend", "debug", `${E}2m11:12:02${E}22m ${E}38;5;141m[vite]${E}0m ${E}2m(client)${E}22m hmr update ${E}38;2;120;180;90m/src/Chat.tsx${E}0m`],
  ["frontend", "warning", `${E}43;30m WARN ${E}0m ${E}3mdeprecated${E}23m option ${E}4mserver.hmr.overlay${E}24m ${E}7m inverse ${E}27m`],
];

/** A few lines of the given services, or of all services of the day. */
export function chatter(day: string): LogLine[] {
  const services = snapshot(day).stacks.flatMap((stack) => stack.services.map(({ name }) => name));
  const theirs = SAID.filter(([service]) => services.includes(service));
  const said = theirs.length > 0 ? theirs : SAID.map(([, ...rest], at) => [services[at % services.length] ?? "", ...rest] as (typeof SAID)[number]);
  const stopped = snapshot(day).stacks.every(({ light }) => light === "off");
  return stopped ? [] : said.map(([service, level, text], at) => line(at, service, level, text));
}

export function line(at: number, service: string, level: LogLine["level"], text: string): LogLine {
  const time = new Date(LOGGED + at * 7).toISOString();
  return { service, run: "12", number: at + 1, time, level, text };
}

/** As many lines as wanted, of the three services of the example. */
export function flood(lines: number, from = 0): LogLine[] {
  return Array.from({ length: lines }, (_, n) => {
    const [service, level, text] = SAID[(from + n) % SAID.length]!;
    return line(from + n, service, level, `${text} #${from + n}`);
  });
}
