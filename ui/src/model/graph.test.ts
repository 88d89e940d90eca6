import { expect, test } from "vitest";

import { graph } from "./graph";
import { service } from "./samples";

const places = (services: Parameters<typeof graph>[0]) =>
  graph(services).nodes.map(({ service: { name }, column, row }) => [name, column, row]);

test("each service is to the right of its dependencies", () => {
  const stack = [
    service("web", { needs: ["api"] }),
    service("api", { needs: ["db", "migrate"] }),
    service("migrate", { needs: ["db"] }),
    service("db"),
  ];
  expect(places(stack)).toEqual([
    ["db", 0, 0],
    ["migrate", 1, 0],
    ["api", 2, 0],
    ["web", 3, 0],
  ]);
  expect(graph(stack).edges).toHaveLength(4);
});

test("services are beside their dependencies", () => {
  const stack = [
    service("a"),
    service("b"),
    service("of-b", { needs: ["b"] }),
    service("of-a", { needs: ["a"] }),
  ];
  expect(places(stack)).toEqual([
    ["a", 0, 0],
    ["b", 0, 1],
    ["of-a", 1, 0],
    ["of-b", 1, 1],
  ]);
});

test("only the edges of a problem are marked", () => {
  const red = { phase: "failed", light: "red" } as const;
  const stack = [
    service("db", red),
    service("cache"),
    service("api", { needs: ["db", "cache"], phase: "stopped", light: "amber", waiting_for: ["db"] }),
  ];
  expect(graph(stack).edges.map(({ from, failing }) => [from.service.name, failing])).toEqual([
    ["db", true],
    ["cache", false],
  ]);
});

test("a cycle, which no stack file can contain, ends", () => {
  expect(graph([service("a", { needs: ["b"] }), service("b", { needs: ["a"] })]).nodes).toHaveLength(2);
});
