import { expect, test } from "vitest";

import type { HistoryEvent } from "../backend/wire";
import { endOf, told } from "./history";

const event = (time: string, given: Partial<HistoryEvent>): HistoryEvent => ({
  time: `2026-01-09T10:00:${time}Z`,
  stack: "nexus",
  file: "/p/pilotlight.toml",
  service: "api",
  event: "ready",
  ...given,
});

test.each([
  [{ event: "exited", exit: { code: 1 } }, "exited with code 1", null],
  [{ event: "exited", exit: { signal: 9 } }, "killed (SIGKILL)", null],
  [{ event: "port_freed", port: 8001 }, "port 8001 freed", null],
  [{ event: "started", by: "Claude Code" }, "started", "by Claude Code"],
  [{ event: "finding", message: "redis is not running" }, "problem found", "redis is not running"],
] satisfies [Partial<HistoryEvent>, string, string | null][])("%j is told", (given, text, detail) => {
  expect(told(event("00", given))).toMatchObject({ text, detail });
});

test("a run ends with the last exit before the next run", () => {
  const run = (number: number, second: string) => ({
    run: number,
    started: `2026-01-09T10:00:${second}Z`,
    last_output: null,
    bytes: 0,
  });
  const runs = [run(3, "30"), run(2, "20"), run(1, "10")];
  const events = [
    event("12", { event: "exited", exit: { code: 7 } }),
    event("13", { event: "stopped", service: "db" }),
    event("25", { event: "stopped" }),
  ];
  const ends = runs.map((one) => endOf(one, runs, events, "api"));
  expect(ends).toEqual([null, "stopped", "exited with code 7"]);
});
