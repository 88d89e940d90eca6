import { describe, expect, it } from "vitest";
import { curve, series } from "./spark";

const box = { width: 100, height: 20 };

describe("a sparkline", () => {
  it("puts now at the right and leaves a margin above the largest value", () => {
    const { line, area } = curve(
      [
        { at: 90_000, value: 0 },
        { at: 100_000, value: 10 },
      ],
      box,
      100_000,
      100_000,
      1,
    );
    expect(line).toBe("M90 19L100 5.2");
    expect(area).toBe("M90 19L100 5.2L100 20L90 20Z");
  });

  it("is flat while values are small compared with the value of its height", () => {
    const { line } = curve([{ at: 0, value: 1 }], box, 0, 100, 18);
    expect(line).toBe("M100 18h0.1");
  });

  it("has a gap where samples are missing", () => {
    const points = [0, 5_000, 60_000, 65_000].map((at) => ({ at, value: 1 }));
    expect(curve(points, box, 65_000, 65_000, 1).line.match(/M/g)).toHaveLength(2);
  });

  it("is empty without samples or with only old ones", () => {
    expect(curve([], box, 0, 1, 1)).toEqual({ line: "", area: "" });
    expect(curve([{ at: -10, value: 1 }], box, 0, 5, 1).line).toBe("");
  });
});

it("a series is one figure of one service, without missing samples", () => {
  const at = "1970-01-01T00:00:01Z";
  const usage = (service: string, cpu: number | null) => ({
    file: "/f",
    service,
    cpu_percent: cpu,
    memory_bytes: 9,
  });
  const samples = [
    { at, services: [usage("a", 1), usage("b", 2)] },
    { at, services: [usage("a", null)] },
    { at, services: [] },
  ];
  expect(series(samples, "/f", "a", "cpu_percent")).toEqual([{ at: 1000, value: 1 }]);
  expect(series(samples, "/other", "a", "cpu_percent")).toEqual([]);
});
