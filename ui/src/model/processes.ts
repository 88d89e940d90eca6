import type { ProcessDetails } from "../backend/wire";

/** A process and its depth below the first ones. */
export interface Branch extends ProcessDetails {
  depth: number;
}

/** The processes of a service as a tree, each below its parent. */
export function tree(processes: readonly ProcessDetails[]): Branch[] {
  const known = new Set(processes.map(({ pid }) => pid));
  const below = (parent: number | null, depth: number): Branch[] =>
    processes
      .filter((one) => (one.parent !== null && known.has(one.parent) ? one.parent : null) === parent)
      .flatMap((one) => [{ ...one, depth }, ...below(one.pid, depth + 1)]);
  return below(null, 0);
}
