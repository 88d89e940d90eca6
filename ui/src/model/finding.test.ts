import { describe, expect, it } from "vitest";
import type { Action } from "../backend/wire";
import {
  asksFirst,
  confirmation,
  cures,
  diffLines,
  evidence,
  groups,
  isCommand,
  label,
  lastPart,
  logCommand,
  report,
  spans,
} from "./finding";
import { finding } from "./samples";

describe("a sentence with code", () => {
  it("is split at its backticks", () => {
    expect(spans("see `ss -ltn`, then `x`")).toEqual([
      { text: "see ", code: false },
      { text: "ss -ltn", code: true },
      { text: ", then ", code: false },
      { text: "x", code: true },
    ]);
  });

  it("keeps a backtick without a partner", () => {
    expect(spans("a ` b")).toEqual([{ text: "a ` b", code: false }]);
    expect(spans("``")).toEqual([]);
  });

  it("distinguishes commands from settings, headers and names", () => {
    expect(
      [
        "ss -ltnp 'sport = :6379'",
        "pilotlight logs redis",
        "./node_modules/.bin/vite --port 1",
        "curl -i http://localhost:1/?a=b",
      ].map(isCommand),
    ).toEqual([true, true, true, true]);
    expect(
      [
        'port_conflict = "fail"',
        "Access-Control-Allow-Origin: x",
        "OPENAI_API_KEY",
        "node",
        "a=b c",
      ].map(isCommand),
    ).toEqual([false, false, false, false, false]);
  });
});

describe("a remedy", () => {
  const actions: Action[] = [
    { kind: "start", service: "redis" },
    { kind: "restart", service: "redis" },
    { kind: "stop", file: "/q/pilotlight.toml", service: "web" },
    { kind: "free-port", port: 8001 },
    { kind: "install", service: "web", command: ["/usr/bin/npm", "ci", "--x"], directory: "/p" },
    { kind: "copy-file", from: "C:\\p\\.env.example", to: "C:\\p\\.env" },
    { kind: "edit-stack-file", file: "/p/pilotlight.toml", changes: [] },
  ];

  it("has a button that names its effect", () => {
    expect(actions.map(label)).toEqual([
      "Start redis",
      "Restart redis",
      "Stop web…",
      "Free port 8001…",
      "Run npm ci…",
      "Create .env…",
      "Show the change…",
    ]);
  });

  it("names the module that Python runs, not Python", () => {
    const command = ["/p/.venv/bin/python", "-m", "pip", "install", "-r", "requirements.txt"];
    expect(label({ kind: "install", service: "api", command, directory: "/p" })).toBe(
      "Run pip install…",
    );
  });

  it("has a preview if it does more than start a service", () => {
    expect(actions.map(asksFirst)).toEqual([false, false, true, true, true, true, true]);
    expect(actions.filter(asksFirst).map(confirmation)).toEqual([
      "Stop web",
      "Stop it and free port 8001",
      "Run it",
      "Create .env",
      "Change the stack file",
    ]);
  });
});

it("the last part of a path is found for each system", () => {
  expect(["/a/b.toml", "C:\\a\\b.toml", "b", "/a/"].map(lastPart)).toEqual([
    "b.toml",
    "b.toml",
    "b",
    "a",
  ]);
});

it("a report contains everything on the card", () => {
  const symptoms = [
    { service: "backend", check: "create a session", code: "x", text: "answers 500" },
    { service: "web", check: null, code: "x", text: "waits" },
  ];
  expect(report(finding({ symptoms }))).toBe(
    [
      "Redis is not running",
      "  redis · exited",
      "  → start it",
      "  also affected:",
      "    backend, create a session: answers 500",
      "    web: waits",
      "  evidence:",
      "    nothing listens: `ss -ltn`",
    ].join("\n"),
  );
});

it("the green button is for a fix that removes the cause", () => {
  const start = { kind: "start", service: "redis" } as const;
  const fixed = (code: string, action: Action | null) =>
    cures(finding({ code, remedy: { text: "", action } }));
  expect(fixed("exited", start)).toBe(true);
  expect(fixed("requirement-missing", start)).toBe(false);
  expect(fixed("crash-loop", { kind: "restart", service: "redis" })).toBe(false);
  expect(fixed("port-taken", { kind: "free-port", port: 8001 })).toBe(false);
  expect(fixed("env-file-missing", { kind: "copy-file", from: "/a", to: "/b" })).toBe(true);
  expect(fixed("slow", null)).toBe(false);
});

it("findings with one cause are one card with all services", () => {
  const missing = (service: string) =>
    finding({
      service,
      code: "module-missing",
      title: `${service} cannot start: the Python module \`fastapi\` is not installed`,
    });
  const other = finding({ service: "redis" });
  const [first, second, ...none] = groups([missing("auth"), other, missing("users")]);
  expect(none).toEqual([]);
  expect(first?.services).toEqual(["auth", "users"]);
  expect(first?.title).toBe("The Python module `fastapi` is not installed");
  expect(second).toEqual({ finding: other, services: ["redis"], title: other.title });
});

it("the window leaves out lines that only name a log command", () => {
  const kept = ["signal 9 came from outside", "last log line: see `pilotlight logs redis`"];
  expect(evidence(finding({ evidence: [...kept, "its log: `pilotlight logs redis`"] }))).toEqual(kept);
});

it("a log command names its service", () => {
  expect(["pilotlight logs web-1", "pilotlight logs", "ss -ltn"].map(logCommand)).toEqual(["web-1", null, null]);
});

it("a difference is shown without file names, but with lines that look like them", () => {
  expect(diffLines("--- a\n+++ b\n@@ -1 +1 @@\n same\n---x\n+++y\n")).toEqual([
    { kind: "place", text: "@@ -1 +1 @@" },
    { kind: "same", text: "same" },
    { kind: "remove", text: "--x" },
    { kind: "add", text: "++y" },
  ]);
});
