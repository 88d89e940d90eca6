import { expect, it } from "vitest";
import { changes } from "./announce";
import { finding, off, service, stack } from "./samples";

const said = (before: Parameters<typeof stack>, after: Parameters<typeof stack>) =>
  changes({ stacks: [stack(...before)] }, { stacks: [stack(...after)] });

it("a failed service is announced with its cause", () => {
  const failed = service("redis", { phase: "failed", light: "red", last_exit: { signal: 9 } });
  expect(said([[service("redis")]], [[failed], { findings: [finding()] }])).toEqual([
    "redis: failed, killed (SIGKILL)",
    "Redis is not running",
  ]);
});

it("a start is announced only when the service is ready", () => {
  const starting = service("a", { phase: "starting", light: "amber" });
  expect(said([[service("a", off)]], [[starting]])).toEqual([]);
  expect(said([[starting]], [[service("a")]])).toEqual(["a: ready"]);
});

it("unchanged and new services are not announced", () => {
  expect(said([[service("a")]], [[service("a", { pid: 9 }), service("b")]])).toEqual([]);
  expect(
    said([[service("a")], { findings: [finding()] }], [[service("a")], { findings: [finding()] }]),
  ).toEqual([]);
});
