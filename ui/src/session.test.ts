import { beforeEach, describe, expect, it } from "vitest";
import { FakeBackend } from "./backend/fake";
import type { Finding } from "./backend/wire";
import { FILE, finding, off, service, stack, whole } from "./model/samples";
import { Session } from "./session.svelte";

const OTHER = "/other/pilotlight.toml";
let fake: FakeBackend;
let session: Session;

beforeEach(async () => {
  fake = new FakeBackend([
    whole([
      stack([service("redis"), service("backend", off), service("watched", { external: true })]),
      stack([service("api")], { file: OTHER, name: "other" }),
    ]),
  ]);
  session = new Session(fake);
  await session.connect();
});

const asked = (what: string) =>
  fake.asked.filter((one) => one.what === what).map((one) => one.given);

describe("connecting", () => {
  it("shows the first stack", () => {
    expect(session.stack?.view.name).toBe("nexus");
  });

  it("shows only the error when the connection fails", async () => {
    fake.answer("subscribe", () => {
      throw new Error("no daemon is running");
    });
    await session.connect();
    expect([session.lost, session.world]).toEqual(["No daemon is running", null]);
  });
});

describe("selecting", () => {
  it("moves through the rows and stops at both ends", () => {
    session.move(1);
    expect(session.service).toBe("redis");
    session.move(-1);
    expect(session.service).toBe("redis");
    session.move(1e6);
    expect(session.service).toBe("watched");
  });

  it("begins at the end when moving up", () => {
    session.move(-1);
    expect(session.service).toBe("watched");
  });

  it("cycles through the stacks and clears the row and the log", () => {
    session.showLog("redis");
    session.step(1);
    expect([session.stack?.view.name, session.service, session.logOf]).toEqual([
      "other",
      null,
      null,
    ]);
    session.step(1);
    expect(session.stack?.view.name).toBe("nexus");
  });

  it("follows requests of tray and notifications", () => {
    fake.say({ kind: "show", file: OTHER, service: "api" });
    expect([session.stack?.view.file, session.service, session.logOf]).toEqual([
      OTHER,
      "api",
      "api",
    ]);
  });

  it("clears the selection of a removed service", () => {
    session.showLog("redis");
    fake.say({ kind: "snapshot", snapshot: { stacks: [stack([service("backend")])] } });
    expect([session.service, session.logOf]).toEqual([null, null]);
  });
});

describe("acting", () => {
  it("only requests actions that make sense", () => {
    session.act("start", ["backend"]);
    session.act("stop", []);
    expect([asked("start"), asked("stop")]).toEqual([[[FILE, ["backend"]]], [[FILE, []]]]);
  });

  it("starts a stopped service instead of restarting it", () => {
    session.act("restart", ["backend"]);
    expect([asked("start"), asked("restart")]).toEqual([[[FILE, ["backend"]]], []]);
  });

  it("reports why an action makes no sense, and requests nothing", () => {
    session.act("stop", ["backend"]);
    session.act("stop", ["watched"]);
    expect(session.toasts.map((toast) => toast.text)).toEqual([
      "backend is not running.",
      "watched is external: Pilot Light does not stop it.",
    ]);
    expect(asked("stop")).toEqual([]);
  });

  it("shows the error of a failed, rejected or impossible request", async () => {
    fake.answer("start", () => ({ failed: { message: "backend failed", findings: [] } }));
    expect(await session.attempt(fake.start(FILE, []))).toBe(false);
    fake.answer("start", () => ({ refused: "the daemon is exiting" }));
    await session.attempt(fake.start(FILE, []));
    fake.answer("start", () => {
      throw new Error("no such command");
    });
    await session.attempt(fake.start(FILE, []));
    expect(session.toasts.map(({ kind, text }) => [kind, text])).toEqual([
      ["error", "Backend failed"],
      ["error", "The daemon is exiting"],
      ["error", "No such command"],
    ]);
  });
});

describe("opening", () => {
  const links = { docs: "http://localhost:8001/docs" };

  it("opens the first link, the link of a label, or the page of the port", () => {
    const services = [service("api", { links }), service("db", { port: null })];
    fake.say({ kind: "snapshot", snapshot: { stacks: [stack(services)] } });
    session.openLink("api");
    session.openLink("api", null);
    session.openLink("api", "docs");
    expect(asked("openLink")).toEqual([
      [FILE, "api", "docs"],
      [FILE, "api", null],
      [FILE, "api", "docs"],
    ]);
  });

  it("reports that a service has nothing to open", () => {
    const services = [service("db", { port: null })];
    fake.say({ kind: "snapshot", snapshot: { stacks: [stack(services)] } });
    session.openLink("db");
    expect(asked("openLink")).toEqual([]);
    expect(session.toasts).toHaveLength(1);
  });
});

describe("a check on demand", () => {
  it("adds findings that the daemon does not have, once", async () => {
    const known = finding();
    const more = finding({ code: "slow", service: "backend" });
    fake.say({
      kind: "snapshot",
      snapshot: { stacks: [stack([service("redis"), service("backend")], { findings: [known] })] },
    });
    fake.answer("doctor", () => [{ ...known, title: "the same, a second later" }, more]);
    await session.check();
    expect(session.findings.map((one) => one.code)).toEqual(["exited", "slow"]);
  });

  it("is discarded when a light changes", async () => {
    fake.answer("doctor", () => [finding({ service: "backend" })]);
    await session.check();
    expect(session.findings).toHaveLength(1);
    fake.say({
      kind: "snapshot",
      snapshot: { stacks: [stack([service("redis"), service("backend")])] },
    });
    expect(session.findings).toEqual([]);
    expect(session.spoken).toBe("backend: ready");
  });

  it("reports that no problem was found", async () => {
    await session.check();
    expect(session.spoken).toBe("No problems found");
  });
});

it("a stack that was added is shown", async () => {
  const file = "/new/pilotlight.toml";
  fake.answer("pickStack", () => file);
  fake.answer("addStack", () => {
    fake.say({
      kind: "stacks",
      stacks: [
        ...(session.world?.stacks ?? []),
        { file, name: "new", folder: "/new", start_at_login: false, change: null },
      ],
    });
    return "done";
  });
  await session.openStack();
  expect(session.stack?.view.name).toBe("new");
});

describe("the example", () => {
  it("is shown, started, and reported with its link once it is ready", async () => {
    fake.answer("tryExample", () => "/p/pilotlight.toml");
    fake.say({
      kind: "snapshot",
      snapshot: {
        stacks: [stack([service("redis"), service("web", { links: { chat: "http://localhost:1" } })])],
      },
    });
    await session.tryExample();
    const toast = session.toasts.at(-1);
    expect(toast?.text).toBe("All 2 ready. Pilot Light stays in the tray.");
    expect(toast?.action?.label).toBe("Open chat ↗");
    toast?.action?.run();
    const asked = fake.asked.map(({ what }) => what).filter((what) => what !== "subscribe");
    expect(asked).toEqual(["tryExample", "start", "openLink"]);
  });

  it("says nothing of being ready when its start fails", async () => {
    fake.answer("tryExample", () => "/p/pilotlight.toml");
    fake.answer("start", () => ({ refused: "the port is taken" }));
    await session.tryExample();
    expect(session.toasts.map((toast) => toast.text)).toEqual(["The port is taken"]);
  });

  it("is checked after it was broken and after it was repaired", async () => {
    fake.answer("breakExample", () => "store (PID 7) was killed");
    fake.answer("doctor", () => [finding({ service: "redis" })]);
    await session.breakExample("store");
    expect(session.findings).toHaveLength(1);
    fake.answer("doctor", () => []);
    await session.repairExample();
    expect(session.findings).toEqual([]);
    expect(asked("doctor")).toHaveLength(2);
  });

  it("is checked again if it was broken during a check", async () => {
    let finish: (findings: Finding[]) => void = () => undefined;
    fake.answer("doctor", () => new Promise<Finding[]>((done) => (finish = done)));
    const earlier = session.check();
    fake.answer("doctor", () => [finding({ service: "redis" })]);
    await session.breakExample("cors");
    finish([]);
    await earlier;
    expect(session.findings).toHaveLength(1);
  });
});

it("what is dropped on the window is added or drafted", async () => {
  fake.say({ kind: "dropped", path: "/new/pilotlight.toml" });
  fake.say({ kind: "dropped", path: "/new" });
  await Promise.resolve();
  expect(asked("addStack")).toEqual([["/new/pilotlight.toml"]]);
  expect(asked("lookAtFolder")).toEqual([["/new", false, []]]);
});

it("notifications are muted for an hour, and no longer", async () => {
  fake.answer("setSettings", (settings) => {
    fake.say({ kind: "settings", settings });
    return "done";
  });
  const before = session.now;
  await session.mute(true);
  expect(session.mutedUntil).toBe(before + 3_600_000);
  session.now += 3_600_000;
  expect(session.mutedUntil).toBeNull();
  session.now -= 1_000;
  await session.mute(false);
  expect(session.mutedUntil).toBeNull();
});

it("quitting opens its dialogue and counts down", () => {
  fake.say({ kind: "quit_asked" });
  expect(session.open).toEqual({ kind: "quit" });
  fake.say({ kind: "quitting", stopping: 2 });
  expect(session.quitting).toBe(2);
});
