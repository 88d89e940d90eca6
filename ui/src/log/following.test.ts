import { expect, test } from "vitest";

import { FakeBackend } from "../backend/fake";
import type { LogLine } from "../backend/wire";
import { follow, type Listener } from "./following";

function line(text: string): LogLine {
  return { service: "backend", run: "1", number: 1, level: null, time: null, text };
}

function listener() {
  const heard: string[] = [];
  const ear: Listener = {
    lines: (lines) => heard.push(...lines.map((one) => one.text)),
    caughtUp: () => heard.push("(caught up)"),
    failed: (message) => heard.push(`(failed: ${message})`),
  };
  return { heard, ear };
}

const settled = () => new Promise((resolve) => setTimeout(resolve));

test("receives existing lines, the end of them, and new lines", async () => {
  const backend = new FakeBackend([]);
  backend.log = [line("a")];
  const { heard, ear } = listener();
  follow(backend, "/stack", "backend", ear);
  await settled();
  backend.write([line("b")]);
  expect(heard).toEqual(["a", "(caught up)", "b"]);
  expect(backend.asked[0]).toEqual({ what: "followLog", given: ["/stack", ["backend"]] });
});

test("receives nothing after the end, and ends the backend's task", async () => {
  const backend = new FakeBackend([]);
  const { heard, ear } = listener();
  const stop = follow(backend, "/stack", null, ear);
  await settled();
  stop();
  await settled();
  backend.write([line("late")]);
  expect(heard).toEqual(["(caught up)"]);
  expect(backend.following).toBe(0);
});

test("ends a task that was ended before the backend answered", async () => {
  const backend = new FakeBackend([]);
  const { heard, ear } = listener();
  follow(backend, "/stack", null, ear)();
  await settled();
  expect(heard).toEqual([]);
  expect(backend.following).toBe(0);
});

test("reports why a log cannot be followed", async () => {
  const backend = new FakeBackend([]);
  backend.answer("followLog", () => {
    throw new Error("the stack is not known");
  });
  const { heard, ear } = listener();
  follow(backend, "/stack", null, ear);
  await settled();
  expect(heard).toEqual(["(failed: the stack is not known)"]);
});
