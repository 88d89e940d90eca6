import { expect, it } from "vitest";
import { changes } from "./announce";
import { finding, off, service, stack } from "./samples";

const said = (before: Parameters<typeof stack>, after: Parameters<typeof stack>) =>
  changes({ stacks: [stack(...before)] }, { stacks: [stack(...after)] });

it("a service that fails is said, with its cause", () => {
  const failed = service("redis", { phase: "failed", light: "red", last_exit: { signal: 9 } });
  expect(said([[service("redis")]], [[failed], { findings: [finding()] }])).toEqual([
    "redis: failed, killed (SIGKILL)",
    "Redis is not running",
  ]);
});

it("what is on its way is not said, its arrival is", () => {
  const starting = service("a", { phase: "starting", light: "amber" });
  expect(said([[service("a", off)]], [[starting]])).toEqual([]);
  expect(said([[starting]], [[service("a")]])).toEqual(["a: ready"]);
});

it("what is the same, or new, is not said", () => {
  expect(said([[service("a")]], [[service("a", { pid: 9 }), service("b")]])).toEqual([]);
  expect(
    said([[service("a")], { findings: [finding()] }], [[service("a")], { findings: [finding()] }]),
  ).toEqual([]);
});
