import type {
  KnownStack,
  Platform,
  ServiceView,
  Settings,
  Snapshot,
  StackView,
  Update,
  UsageSample,
} from "../backend/wire";

/** The time for which CPU and memory are stored, in milliseconds. */
export const HISTORY = 300_000;

/** The time for which a sample is current: three pauses between samples. */
export const FRESH = 16_000;

/** The state that the host has sent to the window. Immutable. */
export interface World {
  version: string;
  platform: Platform;
  tray: boolean;
  snapshot: Snapshot;
  stacks: KnownStack[];
  settings: Settings;
  usage: UsageSample[];
  /** When the window first saw a service wait or start, by `key`. */
  moving: ReadonlyMap<string, number>;
}

/** Identifies a service. */
export function key(file: string, service: string): string {
  return `${file}\n${service}`;
}

/**
 * The world after an update. Momentary updates (`remark`, `show`, `quit_asked`, `quitting`) do not change
 * it, and neither do updates before the first `whole`.
 */
export function reduce(world: World | null, update: Update, now: number): World | null {
  if (update.kind === "whole") {
    const { version, platform, tray, snapshot, stacks, settings } = update;
    const usage = recent(update.usage, now);
    const moving = movement(new Map(), snapshot, now);
    return { version, platform, tray, snapshot, stacks, settings, usage, moving };
  }
  if (world === null) return null;
  switch (update.kind) {
    case "snapshot":
      return {
        ...world,
        snapshot: update.snapshot,
        moving: movement(world.moving, update.snapshot, now),
      };
    case "usage":
      return { ...world, usage: recent([...world.usage, update.sample], now) };
    case "stacks":
      return { ...world, stacks: update.stacks };
    case "settings":
      return { ...world, settings: update.settings };
    case "tray":
      return { ...world, tray: update.tray };
    case "remark":
    case "dropped":
    case "show":
    case "quit_asked":
    case "quitting":
      return world;
  }
}

function recent(samples: UsageSample[], now: number): UsageSample[] {
  const oldest = now - HISTORY;
  return samples.filter((sample) => Date.parse(sample.at) >= oldest);
}

/** Whether a service is wanted but not ready yet. */
export function isOnItsWay(service: ServiceView): boolean {
  return (
    (service.phase === "stopped" && service.light === "amber") ||
    service.phase === "claiming" ||
    service.phase === "starting"
  );
}

/** The time since a service is wanted until it is ready: a start after a wait continues it. */
function movement(
  before: ReadonlyMap<string, number>,
  snapshot: Snapshot,
  now: number,
): ReadonlyMap<string, number> {
  const after = new Map<string, number>();
  for (const stack of snapshot.stacks) {
    for (const service of stack.services) {
      if (!isOnItsWay(service)) continue;
      const name = key(stack.file, service.name);
      const since = service.since === null ? now : Date.parse(service.since);
      // The phase of a stopped service began long before the request.
      after.set(name, before.get(name) ?? (service.phase === "stopped" ? now : since));
    }
  }
  return after;
}

/** A stack in the list of the window: its file and its services. */
export interface Stack {
  known: KnownStack | null;
  view: StackView;
}

/** Every stack, in the order in which they became known. */
export function stacks(world: World): Stack[] {
  const views = new Map(world.snapshot.stacks.map((view) => [view.file, view]));
  const listed: Stack[] = world.stacks.map((known) => ({
    known,
    view: views.get(known.file) ?? empty(known),
  }));
  const files = new Set(world.stacks.map((known) => known.file));
  for (const view of world.snapshot.stacks) {
    if (!files.has(view.file)) listed.push({ known: null, view });
  }
  return listed;
}

/** A placeholder for a stack whose file could not be read yet. */
function empty(known: KnownStack): StackView {
  const { file, name } = known;
  return { file, name, mode: "development", light: "off", services: [], findings: [] };
}

/** The latest figures of a service, or nulls if they are out of date. */
export function latest(
  world: World,
  file: string,
  service: ServiceView,
  now: number,
): { cpu: number | null; memory: number | null } {
  if (service.pid === null) return { cpu: null, memory: null };
  const sample = world.usage.at(-1);
  if (sample !== undefined && now - Date.parse(sample.at) <= FRESH) {
    const found = sample.services.find(
      (usage) => usage.service === service.name && usage.file === file,
    );
    if (found !== undefined) return { cpu: found.cpu_percent, memory: found.memory_bytes };
  }
  return { cpu: service.cpu_percent, memory: service.memory_bytes };
}
