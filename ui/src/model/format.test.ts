import { describe, expect, it } from "vitest";
import { bytes, count, duration, latency, list, moment, percent, stopwatch } from "./format";

describe("a duration", () => {
  it.each([
    [-5_000, "0 s"],
    [0, "0 s"],
    [999, "0 s"],
    [45_400, "45 s"],
    [60_000, "1 m"],
    [72_000, "1 m 12 s"],
    [4_320_000, "1 h 12 m"],
    [3_600_000, "1 h"],
    [90_000_000, "1 d 1 h"],
    [86_400_000 + 59_000, "1 d"],
  ])("of %d ms has two units at most", (given, wanted) => {
    expect(duration(given)).toBe(wanted);
  });
});

it("a short running time has tenths", () => {
  expect([stopwatch(0), stopwatch(3_240), stopwatch(9_990), stopwatch(72_000)]).toEqual([
    "0.0 s",
    "3.2 s",
    "10.0 s",
    "1 m 12 s",
  ]);
});

it("a latency keeps two or three digits", () => {
  expect([0.41, 9.94, 9.96, 41.6, 999.4, 999.6, 12_345].map(latency)).toEqual([
    "0.4 ms",
    "9.9 ms",
    "10 ms",
    "42 ms",
    "999 ms",
    "1.0 s",
    "12.3 s",
  ]);
});

it("memory is shown in the unit with the fewest digits", () => {
  expect([0, 999, 1_000, 812_000, 999_600, 51_380_224, 1.42e9, 14.2e9, 2.5e12].map(bytes)).toEqual([
    "0 B",
    "999 B",
    "1 kB",
    "812 kB",
    "1 MB",
    "51 MB",
    "1.4 GB",
    "14 GB",
    "2500 GB",
  ]);
});

it("a share of a core has a decimal only if it is small", () => {
  expect([0, 0.34, 9.96, 240.4].map(percent)).toEqual(["0.0 %", "0.3 %", "10 %", "240 %"]);
});

it("nouns agree with their numbers", () => {
  expect([
    count(1, "service"),
    count(3, "service"),
    count(1, "service runs", "services run"),
  ]).toEqual(["1 service", "3 services", "1 service runs"]);
});

it("a list names a few and counts the rest", () => {
  expect(list([])).toBe("");
  expect(list(["a"])).toBe("a");
  expect(list(["a", "b"])).toBe("a and b");
  expect(list(["a", "b", "c"])).toBe("a, b and c");
  expect(list(["a", "b", "c", "d", "e"])).toBe("a, b and 3 more");
});

it("an invalid time is null", () => {
  expect(moment(null)).toBeNull();
  expect(moment("yesterday")).toBeNull();
  expect(moment("1970-01-01T00:00:01Z")).toBe(1_000);
});
