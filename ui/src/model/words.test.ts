import { describe, expect, it } from "vitest";
import snapshots from "../../tests/snapshots.json";
import type { ServiceView, Snapshot } from "../backend/wire";
import { finding, off, service, stack } from "./samples";
import {
  canRestart,
  canStart,
  canStop,
  isMoving,
  reason,
  stackTitle,
  stackWords,
  state,
  upSince,
} from "./words";

interface Day {
  snapshot: Snapshot;
  /** The words of the core for each stack. */
  words: { summary: string; services: Record<string, [string, string | null]> }[];
}
const DAYS = snapshots as unknown as Record<string, Day>;

const words = (given: Partial<ServiceView>) => {
  const { word, detail } = state(service("backend", given));
  return [word, detail];
};

describe("the state of a service", () => {
  it("is stopped, completed or waiting while no process is running", () => {
    expect(words(off)).toEqual(["stopped", null]);
    expect(words({ ...off, light: "green", last_exit: { code: 0 } })).toEqual(["completed", null]);
    expect(words({ ...off, light: "amber", waiting_for: ["redis", "db"] })).toEqual([
      "waiting for redis, db",
      null,
    ]);
  });

  it("counts the time of a start from the moment it was seen to wait", () => {
    const starting = service("backend", { phase: "starting", light: "amber" });
    expect(state(starting).since).toBe(Date.parse("2026-01-09T10:00:00Z"));
    expect(state(starting, 17).since).toBe(17);
  });

  it("names the failing check, or else the cause", () => {
    const because = finding({
      symptoms: [
        { service: "frontend", check: "load", code: "x", text: "" },
        { service: "backend", check: "create a session", code: "x", text: "" },
      ],
    });
    expect(words({ light: "amber", finding: because })).toEqual([
      "check failing",
      "“create a session”",
    ]);
    expect(words({ light: "amber", finding: finding() })[1]).toBe("because of redis");
  });

  it("does not repeat the service's own cause, which is in the card above the list", () => {
    const own = finding({ service: "backend" });
    expect(words({ phase: "unhealthy", light: "red", finding: own })).toEqual(["unhealthy", null]);
    expect(words({ phase: "blocked", light: "red", finding: finding() })).toEqual([
      "blocked",
      "because of redis",
    ]);
  });

  it("contains the exit of a process", () => {
    const failed = { phase: "failed", light: "red" } as const;
    expect(words({ ...failed, last_exit: { signal: 9 } })).toEqual(["failed", "killed (SIGKILL)"]);
    expect(words({ ...failed, last_exit: { signal: 64 } })[1]).toBe("killed (signal 64)");
    expect(words({ ...failed, last_exit: { code: 3 } })[1]).toBe("exited with code 3");
    expect(words({ ...failed, last_exit: "unknown" })[1]).toBe("exited");
    expect(words(failed)).toEqual(["failed", null]);
  });

  it("mentions that a service is still running from an earlier daemon", () => {
    expect(words({ adopted: true })).toEqual(["ready", "still running from last session"]);
  });

  it("uses the words of the core, as terminal and tray do", () => {
    for (const [day, { snapshot, words: core }] of Object.entries(DAYS)) {
      snapshot.stacks.forEach((one, at) => {
        expect(stackWords(one), day).toBe(core[at]?.summary);
        for (const each of one.services) {
          const said = [state(each).word, reason(each)];
          expect(said, `${day}: ${each.name}`).toEqual(core[at]?.services[each.name]);
        }
      });
    }
  });
});

describe("the available actions", () => {
  const can = (given: Partial<ServiceView>) => {
    const one = service("a", given);
    return [canStart(one), canStop(one), canRestart(one)];
  };

  it("depend on the phase", () => {
    expect(can(off)).toEqual([true, false, false]);
    expect(can({})).toEqual([false, true, true]);
    expect(can({ phase: "starting" })).toEqual([false, true, true]);
    expect(can({ phase: "stopping" })).toEqual([false, false, false]);
    expect(can({ phase: "backoff", pid: null })).toEqual([true, true, false]);
    expect(can({ phase: "failed", pid: null })).toEqual([true, false, false]);
  });

  it("allow to stop a wait, but not to start it twice", () => {
    expect(can({ ...off, light: "amber", waiting_for: ["b"] })).toEqual([false, true, false]);
  });

  it("are empty for an external service", () => {
    expect(can({ external: true })).toEqual([false, false, false]);
  });
});

describe("a stack in words", () => {
  it("counts the ready services and names a problem", () => {
    expect(stackWords(stack([]))).toBe("no services");
    expect(stackWords(stack([service("a", off), service("b", off)]))).toBe("stopped");
    expect(stackWords(stack([service("a"), service("b")]))).toBe("all 2 ready");
    expect(stackWords(stack([service("a"), service("b", { phase: "unhealthy", light: "red" })]))).toBe(
      "1 of 2 ready, b unhealthy",
    );
    expect(stackWords(stack([service("a"), service("b", { light: "amber" })]))).toBe(
      "1 of 2 ready, b check failing",
    );
  });

  it("contains the checkout in the title if it is known", () => {
    const view = { ...stack([]), name: "nexus" };
    expect(stackTitle(view)).toBe("nexus");
    expect(stackTitle({ ...view, checkout: "feature-x" })).toBe("nexus · feature-x");
  });

  it("is moving while a service starts or stops", () => {
    expect(isMoving(stack([service("a"), service("b", off)]))).toBe(false);
    expect(isMoving(stack([service("a", { phase: "stopping" })]))).toBe(true);
    expect(isMoving(stack([service("a", { ...off, light: "amber" })]))).toBe(true);
  });

  it("is at rest while a service waits for a failed dependency", () => {
    const waits = service("a", { ...off, light: "amber", waiting_for: ["b"] });
    const failed = service("b", { phase: "failed", light: "red", pid: null });
    expect(isMoving(stack([waits, failed]))).toBe(false);
    expect(isMoving(stack([waits, service("b", { phase: "starting", light: "amber" })]))).toBe(
      true,
    );
  });

  it("is up since its oldest running process", () => {
    const ended = service("a", { ...off, started: "2026-01-01T00:00:00Z" });
    const later = service("b", { started: "2026-01-09T10:00:05Z" });
    expect(upSince(stack([ended, service("c"), later]))).toBe(Date.parse("2026-01-09T09:59:58Z"));
    expect(upSince(stack([ended]))).toBeNull();
  });
});
