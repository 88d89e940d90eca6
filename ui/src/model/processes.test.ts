import { expect, test } from "vitest";

import { tree } from "./processes";

const process = (pid: number, parent: number | null) => ({ pid, parent, command: `run ${pid}` });

test("each process is below its parent, in the order of the list", () => {
  const processes = [process(1, null), process(9, null), process(3, 1), process(4, 3), process(2, 1)];
  expect(tree(processes).map(({ pid, depth }) => [pid, depth])).toEqual([
    [1, 0],
    [3, 1],
    [4, 2],
    [2, 1],
    [9, 0],
  ]);
});

test("a process with a foreign parent is at the top level", () => {
  expect(tree([process(5, 77)]).map(({ depth }) => depth)).toEqual([0]);
});
