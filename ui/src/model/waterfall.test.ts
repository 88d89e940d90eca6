import { expect, test } from "vitest";

import { service, stack } from "./samples";
import { waterfall } from "./waterfall";

const T0 = Date.parse("2026-01-09T10:00:00Z");
const at = (milliseconds: number) => new Date(T0 + milliseconds).toISOString();
const started = (name: string, begins: number, ends: number, needs: string[] = []) =>
  service(name, { started: at(begins), since: at(ends), needs });

test("bars begin at the first start, and the longest is named", () => {
  const made = waterfall(stack([started("db", 0, 300), started("api", 310, 2_000, ["db"])]), T0);
  expect(made?.bars.map(({ name, begins, ends }) => [name, begins, ends])).toEqual([
    ["db", 0, 300],
    ["api", 310, 2_000],
  ]);
  expect(made?.total).toBe(2_000);
  expect(made?.slowest.name).toBe("api");
});

test("a service that is restarted later belongs to another start", () => {
  const made = waterfall(stack([started("db", 0, 300), started("api", 60_000, 60_500)]), T0);
  expect(made?.bars.map(({ name }) => name)).toEqual(["api"]);
});

test("a service that is starting grows with the time", () => {
  const api = service("api", { started: at(0), since: at(0), phase: "starting", light: "amber" });
  expect(waterfall(stack([api]), T0 + 700)).toMatchObject({ total: 700, bars: [{ starting: true }] });
});

test("a stopped stack has no waterfall", () => {
  expect(waterfall(stack([service("api", { started: null })]), T0)).toBeNull();
});
