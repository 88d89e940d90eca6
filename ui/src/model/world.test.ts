import { describe, expect, it } from "vitest";
import type { UsageSample } from "../backend/wire";
import { FILE, off, service, stack, whole } from "./samples";
import { FRESH, HISTORY, key, latest, reduce, stacks, type World } from "./world";

const NOW = Date.parse("2026-01-09T12:00:00Z");
const first = (given = whole([stack([service("redis")])])): World => {
  const world = reduce(null, given, NOW);
  if (world === null) throw new Error("a whole makes a world");
  return world;
};
const sample = (secondsAgo: number, memory = 5): UsageSample => ({
  at: new Date(NOW - secondsAgo * 1000).toISOString(),
  services: [{ file: FILE, service: "redis", cpu_percent: 1, memory_bytes: memory }],
});

describe("the world", () => {
  it("begins with the first complete state", () => {
    expect(reduce(null, { kind: "tray", tray: false }, NOW)).toBeNull();
    expect(first().version).toBe("0.1.0");
  });

  it("applies each kind of update", () => {
    const world = first();
    const snapshot = { stacks: [] };
    expect(reduce(world, { kind: "snapshot", snapshot }, NOW)?.snapshot).toBe(snapshot);
    expect(reduce(world, { kind: "tray", tray: false }, NOW)?.tray).toBe(false);
    expect(reduce(world, { kind: "stacks", stacks: [] }, NOW)?.stacks).toEqual([]);
    const settings = { ...world.settings, theme: "dark" } as const;
    expect(reduce(world, { kind: "settings", settings }, NOW)?.settings.theme).toBe("dark");
  });

  it("does not change with momentary updates", () => {
    const world = first();
    expect(reduce(world, { kind: "remark", text: "hm" }, NOW)).toBe(world);
    expect(reduce(world, { kind: "quitting", stopping: 1 }, NOW)).toBe(world);
  });

  it("keeps five minutes of usage", () => {
    const world = first(whole([], { usage: [sample(HISTORY / 1000 + 1), sample(10)] }));
    expect(world.usage).toHaveLength(1);
    const later = reduce(world, { kind: "usage", sample: sample(-295) }, NOW + 295_000);
    expect(later?.usage.map((one) => one.at)).toEqual([sample(-295).at]);
  });
});

describe("the latest figures", () => {
  const world = { ...first(), usage: [sample(1, 77)] };

  it("are those of the last sample", () => {
    expect(latest(world, FILE, service("redis"), NOW)).toEqual({ cpu: 1, memory: 77 });
  });

  it("are not shown if they are old or of another service", () => {
    const none = { cpu: null, memory: null };
    expect(latest(world, FILE, service("redis"), NOW + FRESH)).toEqual(none);
    expect(latest(world, FILE, service("redis", { pid: null }), NOW)).toEqual(none);
    expect(latest(world, "/other.toml", service("redis"), NOW)).toEqual(none);
  });
});

describe("the time of a start", () => {
  const waiting = service("b", { ...off, light: "amber", waiting_for: ["a"] });
  const starting = service("b", {
    phase: "starting",
    light: "amber",
    since: new Date(NOW + 4_000).toISOString(),
  });

  it("continues when a wait becomes a start, and ends when the service is ready", () => {
    let world: World | null = first(whole([stack([service("b", off)])]));
    expect(world.moving.size).toBe(0);
    world = reduce(world, { kind: "snapshot", snapshot: { stacks: [stack([waiting])] } }, NOW + 10);
    world = reduce(
      world,
      { kind: "snapshot", snapshot: { stacks: [stack([starting])] } },
      NOW + 4_000,
    );
    expect(world?.moving.get(key(FILE, "b"))).toBe(NOW + 10);
    world = reduce(
      world,
      { kind: "snapshot", snapshot: { stacks: [stack([service("b")])] } },
      NOW + 9_000,
    );
    expect(world?.moving.size).toBe(0);
  });

  it("is that of the phase if the window opens later", () => {
    const world = first(whole([stack([starting])]));
    expect(world.moving.get(key(FILE, "b"))).toBe(NOW + 4_000);
  });
});

describe("the list of stacks", () => {
  it("contains known stacks and other running ones", () => {
    const running = stack([service("a")], { file: "/other.toml", name: "other" });
    const world = first(whole([stack([])]));
    const more = reduce(world, { kind: "snapshot", snapshot: { stacks: [running] } }, NOW) as World;
    expect(stacks(more).map(({ view, known }) => [view.name, known !== null])).toEqual([
      ["nexus", true],
      ["other", false],
    ]);
    expect(stacks(more)[0]?.view.light).toBe("off");
  });
});
