import { describe, expect, test } from "vitest";

import type { Given, Level } from "./line";
import { Reading } from "./reading";

const T0 = Date.parse("2026-01-09T12:00:00Z");

function line(text: string, level: Level | null = null, more: Partial<Given> = {}): Given {
  const time = new Date(T0).toISOString();
  return { service: "backend", run: "1", number: 1, level, text, time, ...more };
}

/** Advances until nothing is left to do. */
function settle(reading: Reading): void {
  while (reading.busy) reading.advance(1, () => 0);
}

function reading(...lines: Given[]): Reading {
  const made = new Reading();
  made.give(lines);
  settle(made);
  return made;
}

function shown(of: Reading): string[] {
  const texts: string[] = [];
  for (let at = of.shown.first; at < of.shown.end; at += 1) texts.push(of.lineAt(at)?.plain ?? "");
  return texts;
}

const plain = { regex: false, matchCase: false };

const TRACEBACK = [
  line("INFO: up", "info"),
  line("ERROR: Exception in ASGI application", "error"),
  line("Traceback (most recent call last):", "error"),
  line('  File "sessions.py", line 31'),
  line("redis.exceptions.ConnectionError: refused", "error"),
  line("INFO: still up", "info"),
];

describe("levels", () => {
  test("errors only shows an error with its traceback", () => {
    const log = reading(...TRACEBACK);
    log.filter("error");
    expect(shown(log)).toEqual(TRACEBACK.slice(1, 5).map((given) => given.text));
  });

  test("a line without a level long after an error does not belong to it", () => {
    const later = new Date(T0 + 5000).toISOString();
    const log = reading(line("boom", "error"), line("listening", null, { time: later }));
    log.filter("error");
    expect(shown(log)).toEqual(["boom"]);
    log.filter("info");
    expect(shown(log)).toEqual(["boom", "listening"]);
    log.filter("warning");
    expect(shown(log)).toEqual(["boom"]);
  });

  test("a line of another service or run does not belong to an error", () => {
    const log = reading(
      line("boom", "error"),
      line("a", null, { service: "redis" }),
      line("b", null, { run: "2" }),
    );
    log.filter("error");
    expect(shown(log)).toEqual(["boom"]);
  });

  test("later lines are filtered too", () => {
    const log = reading();
    log.filter("warning");
    log.give([line("quiet", "debug"), line("careful", "warning"), line("boom", "error")]);
    settle(log);
    expect(shown(log)).toEqual(["careful", "boom"]);
    log.filter("all");
    expect(shown(log)).toHaveLength(3);
  });
});

describe("search", () => {
  const log = () =>
    reading(line("GET /a 200"), line("get /b 404"), line("POST /a (200)"), line("nothing"));

  function found(text: string, how: Partial<typeof plain> = {}): string[] {
    const of = log();
    expect(of.search({ ...plain, ...how, text })).toBeNull();
    settle(of);
    const texts: string[] = [];
    for (let at = of.found.first; at < of.found.end; at += 1) {
      texts.push(of.lines.get(of.found.get(at) ?? -1)?.plain ?? "");
    }
    return texts;
  }

  test("a literal text is found, with or without case", () => {
    expect(found("get")).toEqual(["GET /a 200", "get /b 404"]);
    expect(found("get", { matchCase: true })).toEqual(["get /b 404"]);
    expect(found("(200)")).toEqual(["POST /a (200)"]);
    expect(found("")).toEqual([]);
  });

  test("special characters of patterns are literal in a text search", () => {
    const text = "a.b*c+d?e^f$g{h}i(j)k[l]m|n\\o/p-q #&~!%";
    const of = reading(line(text));
    for (const character of text) {
      of.search({ ...plain, text: character });
      settle(of);
      expect(of.found.size, character).toBe(1);
    }
  });

  test("patterns are regular expressions", () => {
    expect(found("^\\w+ /a", { regex: true })).toEqual(["GET /a 200", "POST /a (200)"]);
    expect(found("\\d{3}$", { regex: true })).toEqual(["GET /a 200", "get /b 404"]);
  });

  test("an invalid pattern is reported and finds nothing", () => {
    const of = log();
    const said = of.search({ ...plain, text: "(a", regex: true });
    expect(said).toMatch(/group/i);
    expect(said).not.toContain("Invalid regular expression");
    settle(of);
    expect(of.found.size).toBe(0);
  });

  test("next and previous wrap around, from the newest", () => {
    const of = log();
    of.search({ ...plain, text: "/" });
    settle(of);
    expect([1, 1, 1].map(() => of.findNext(1))).toEqual([2, 0, 1]);
    expect(of.place).toBe(2);
    expect([1, 1].map(() => of.findNext(-1))).toEqual([0, 2]);
    expect(of.following).toBe(false);
  });

  test("later lines are found too", () => {
    const of = log();
    of.search({ ...plain, text: "get" });
    settle(of);
    of.give([line("GET /c")]);
    settle(of);
    expect(of.found.size).toBe(3);
  });

  test("only shown lines are found", () => {
    const of = reading(line("a x", "error"), line("b x", "info"));
    of.search({ ...plain, text: "x" });
    of.filter("error");
    settle(of);
    expect(of.found.size).toBe(1);
  });

  test("colours do not affect a search, and highlights are at the text", () => {
    const of = reading(line("\u001b[31mconn\u001b[1mection\u001b[0m refused, connection"));
    of.search({ ...plain, text: "connection" });
    settle(of);
    expect(of.found.size).toBe(1);
    expect(of.ranges(of.lines.get(0)!)).toEqual([
      [0, 10],
      [20, 30],
    ]);
  });

  test("a search with empty matches ends", () => {
    const of = reading(line("bbb"));
    of.search({ ...plain, text: "a*", regex: true });
    settle(of);
    expect(of.ranges(of.lines.get(0)!)).toEqual([]);
  });
});

describe("errors", () => {
  test("the last error comes first, then those before it, each once", () => {
    const log = reading(
      line("boom 1", "error", { time: new Date(T0 - 9000).toISOString() }),
      ...TRACEBACK,
    );
    expect(log.lastError()).toBe(2);
    expect(log.lastError()).toBe(0);
    expect(log.lastError()).toBe(2);
  });

  test("without an error, nothing moves", () => {
    const log = reading(line("fine", "info"));
    expect(log.lastError()).toBeNull();
    expect(log.following).toBe(true);
  });
});

describe("following", () => {
  test("new lines are counted until the end is followed again", () => {
    const log = reading(line("a"), line("b"));
    expect(log.unseen).toBe(0);
    log.stay();
    log.give([line("c"), line("d"), line("e")]);
    settle(log);
    expect(log.unseen).toBe(3);
    log.see(4);
    expect(log.unseen).toBe(1);
    log.follow();
    expect(log.unseen).toBe(0);
  });

  test("lines that the level hides are not counted", () => {
    const log = reading(line("a", "error"));
    log.filter("error");
    log.stay();
    log.give([line("x", "info"), line("b", "error", { service: "redis" })]);
    settle(log);
    expect(log.unseen).toBe(1);
  });

  test("a pause reads no line, and loses none that would still be stored", () => {
    const log = reading(line("a"));
    log.pause();
    log.give([line("b"), line("c")]);
    settle(log);
    expect(shown(log)).toEqual(["a"]);
    expect(log.unseen).toBe(2);
    log.follow();
    settle(log);
    expect(shown(log)).toEqual(["a", "b", "c"]);
  });

  test("a pause during a flood is limited, and reports the dropped lines", () => {
    const log = new Reading(1000);
    log.pause();
    for (let n = 0; n < 30; n += 1) {
      log.give(Array.from({ length: 100 }, (_, at) => line(`${n * 100 + at}`)));
    }
    expect(log.waiting).toBeLessThanOrEqual(1100);
    expect(log.missed + log.waiting).toBe(3000);
    log.follow();
    settle(log);
    expect(shown(log).at(-1)).toBe("2999");
    expect(shown(log)).toHaveLength(1000);
  });

  test("a flood is read in small parts", () => {
    const log = new Reading();
    for (let n = 0; n < 20; n += 1) log.give(Array.from({ length: 500 }, () => line("x")));
    let clock = 0;
    log.advance(2, () => clock++);
    expect(log.lines.size).toBeGreaterThan(0);
    expect(log.lines.size).toBeLessThan(2000);
    expect(log.busy).toBe(true);
  });
});

describe("a removed line", () => {
  test("is neither shown, found, selected nor current", () => {
    const log = new Reading(10);
    log.search({ ...plain, text: "x" });
    log.give(Array.from({ length: 10 }, (_, at) => line(`x ${at}`)));
    settle(log);
    log.findNext(-1);
    log.choose(0, false);
    log.choose(2, true);
    log.give(Array.from({ length: 15 }, (_, at) => line(`y ${at}`)));
    settle(log);
    expect(log.found.size).toBe(0);
    expect(log.current).toBeNull();
    expect(log.chosen).toBeNull();
    expect(shown(log)).toHaveLength(10);
    expect(shown(log)[0]).toBe("y 5");
  });

  test("clearing removes everything", () => {
    const log = reading(line("a"), line("b"));
    log.stay();
    log.clear();
    log.give([line("c")]);
    settle(log);
    expect(shown(log)).toEqual(["c"]);
    expect(log.following).toBe(true);
  });
});

describe("copying", () => {
  const texts = (log: Reading) => [...log.toCopy()].map((one) => one.plain);

  test("takes all shown lines, or the selection in either direction", () => {
    const log = reading(line("a", "error"), line("b", "info"), line("c", "error"), line("d"));
    expect(texts(log)).toEqual(["a", "b", "c", "d"]);
    log.choose(2, false);
    log.choose(1, true);
    expect(texts(log)).toEqual(["b", "c"]);
    expect([0, 1, 2, 3].map((at) => log.isChosen(at))).toEqual([false, true, true, false]);
  });

  test("takes only lines of the level", () => {
    const log = reading(
      line("a", "error"),
      line("b", "info", { service: "r" }),
      line("c", "error"),
    );
    log.filter("error");
    expect(texts(log)).toEqual(["a", "c"]);
    log.choose(0, false);
    log.choose(2, true);
    expect(texts(log)).toEqual(["a", "c"]);
  });
});

describe("shown lines", () => {
  const runs = [line("one", null, { run: "1" }), line("two", null, { run: "2" })];

  test("only one run, also of new lines", () => {
    const log = reading(...runs);
    log.only("2");
    log.give([line("three", null, { run: "2" }), line("four", null, { run: "3" })]);
    settle(log);
    expect(shown(log)).toEqual(["two", "three"]);
    log.only(null);
    expect(shown(log)).toEqual(["one", "two", "three", "four"]);
  });

  test("only matches, with each change of the search", () => {
    const log = reading(...TRACEBACK);
    log.search({ text: "info", ...plain });
    log.showOnlyFound(true);
    expect(shown(log)).toEqual(["INFO: up", "INFO: still up"]);
    log.search({ text: "sessions", ...plain });
    settle(log);
    expect(shown(log)).toEqual(['  File "sessions.py", line 31']);
    expect(log.found.size).toBe(1);
    log.search({ text: "", ...plain });
    expect(shown(log)).toHaveLength(TRACEBACK.length);
  });
});
