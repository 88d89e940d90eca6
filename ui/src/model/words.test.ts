import { describe, expect, it } from "vitest";
import type { ServiceView } from "../backend/wire";
import { finding, off, service, stack } from "./samples";
import { canRestart, canStart, canStop, isMoving, stackWords, state, upSince } from "./words";

const words = (given: Partial<ServiceView>) => {
  const { word, detail } = state(service("backend", given));
  return [word, detail];
};

describe("the state of a service", () => {
  it("is off, done or waiting while nothing of it runs", () => {
    expect(words(off)).toEqual(["off", null]);
    expect(words({ ...off, light: "green", last_exit: { code: 0 } })).toEqual([
      "done",
      "ended with code 0",
    ]);
    expect(words({ ...off, light: "amber", waiting_for: ["redis", "db"] })).toEqual([
      "waits for redis and db",
      null,
    ]);
  });

  it("names the port that it takes", () => {
    expect(words({ phase: "claiming", light: "amber" })[0]).toBe("takes port 8001");
    expect(words({ phase: "claiming", light: "amber", port: null })[0]).toBe("about to start");
  });

  it("counts the time of a start from the moment it was seen to wait", () => {
    const starting = service("backend", { phase: "starting", light: "amber" });
    expect(state(starting).since).toBe(Date.parse("2026-01-09T10:00:00Z"));
    expect(state(starting, 17).since).toBe(17);
  });

  it("says which check fails, or else because of whom", () => {
    const because = finding({
      symptoms: [
        { service: "frontend", check: "load", code: "x", text: "" },
        { service: "backend", check: "create a session", code: "x", text: "" },
      ],
    });
    expect(words({ light: "amber", finding: because })).toEqual([
      "up, fails a check",
      "“create a session”",
    ]);
    expect(words({ light: "amber", finding: finding() })[1]).toBe("because of redis");
  });

  it("does not repeat a cause of its own, which stands above the list", () => {
    const own = finding({ service: "backend" });
    expect(words({ phase: "unhealthy", light: "red", finding: own })).toEqual([
      "up, but unhealthy",
      null,
    ]);
    expect(words({ phase: "blocked", light: "red", finding: finding() })).toEqual([
      "cannot start",
      "because of redis",
    ]);
  });

  it("says how a process ended", () => {
    const failed = { phase: "failed", light: "red" } as const;
    expect(words({ ...failed, last_exit: { signal: 9 } })).toEqual([
      "killed by signal 9",
      "given up",
    ]);
    expect(words({ ...failed, last_exit: { code: 3 } })[0]).toBe("ended with code 3");
    expect(words({ ...failed, last_exit: "unknown" })[0]).toBe("ended");
    expect(words(failed)[0]).toBe("failed");
  });

  it("tells what was kept from an earlier keeper", () => {
    expect(words({ adopted: true })).toEqual(["ready", "kept running from before"]);
  });
});

describe("what can be done", () => {
  const can = (given: Partial<ServiceView>) => {
    const one = service("a", given);
    return [canStart(one), canStop(one), canRestart(one)];
  };

  it("follows the phase", () => {
    expect(can(off)).toEqual([true, false, false]);
    expect(can({})).toEqual([false, true, true]);
    expect(can({ phase: "starting" })).toEqual([false, true, true]);
    expect(can({ phase: "stopping" })).toEqual([false, false, false]);
    expect(can({ phase: "backoff", pid: null })).toEqual([true, true, false]);
    expect(can({ phase: "failed", pid: null })).toEqual([true, false, false]);
  });

  it("lets a wait be ended, not begun twice", () => {
    expect(can({ ...off, light: "amber", waiting_for: ["b"] })).toEqual([false, true, false]);
  });

  it("is nothing for what is only watched", () => {
    expect(can({ external: true })).toEqual([false, false, false]);
  });
});

describe("a stack in words", () => {
  it("counts, and names who is in trouble", () => {
    expect(stackWords(stack([]))).toBe("no services");
    expect(stackWords(stack([service("a", off), service("b", off)]))).toBe("off · 2 services");
    expect(stackWords(stack([service("a"), service("b", { light: "red" })]))).toBe(
      "1 of 2 ready · b is in trouble",
    );
    expect(stackWords(stack([service("a"), service("b", { light: "amber" })]))).toBe(
      "1 of 2 ready · b fails a check",
    );
  });

  it("is moving while anything is on its way", () => {
    expect(isMoving(stack([service("a"), service("b", off)]))).toBe(false);
    expect(isMoving(stack([service("a", { phase: "stopping" })]))).toBe(true);
    expect(isMoving(stack([service("a", { ...off, light: "amber" })]))).toBe(true);
  });

  it("is at rest while one waits for what does not come", () => {
    const waits = service("a", { ...off, light: "amber", waiting_for: ["b"] });
    const failed = service("b", { phase: "failed", light: "red", pid: null });
    expect(isMoving(stack([waits, failed]))).toBe(false);
    expect(isMoving(stack([waits, service("b", { phase: "starting", light: "amber" })]))).toBe(
      true,
    );
  });

  it("is up since its oldest process, and not by what has ended", () => {
    const ended = service("a", { ...off, started: "2026-01-01T00:00:00Z" });
    const later = service("b", { started: "2026-01-09T10:00:05Z" });
    expect(upSince(stack([ended, service("c"), later]))).toBe(Date.parse("2026-01-09T09:59:58Z"));
    expect(upSince(stack([ended]))).toBeNull();
  });
});
