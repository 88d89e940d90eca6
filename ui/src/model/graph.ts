import type { ServiceView } from "../backend/wire";
import { hasProblem } from "./words";

/** A service in the graph: its column counts the dependencies before it, its row those above it. */
export interface Node {
  service: ServiceView;
  column: number;
  row: number;
}

/** A dependency: from the needed service to the one that needs it. */
export interface Edge {
  from: Node;
  to: Node;
  /** Whether a problem of the needed service reaches the other. */
  failing: boolean;
}

export interface Graph {
  nodes: Node[];
  edges: Edge[];
  columns: number;
  rows: number;
}

/** Arranges services so that each is to the right of its dependencies, and few edges cross. */
export function graph(services: readonly ServiceView[]): Graph {
  const byName = new Map(services.map((service) => [service.name, service]));
  const columns = new Map<string, number>();
  const column = (service: ServiceView, before: readonly string[] = []): number => {
    const known = columns.get(service.name);
    if (known !== undefined) return known;
    const needs = service.needs
      .filter((need) => !before.includes(need))
      .map((need) => byName.get(need))
      .filter((need) => need !== undefined);
    const deep = needs.map((need) => column(need, [...before, service.name]) + 1);
    const found = Math.max(0, ...deep);
    columns.set(service.name, found);
    return found;
  };
  for (const service of services) column(service);

  const nodes = new Map<string, Node>();
  const last = Math.max(-1, ...columns.values());
  let rows = 0;
  for (let at = 0; at <= last; at += 1) {
    const here = services.filter((service) => columns.get(service.name) === at);
    // At the average row of their dependencies.
    const height = (service: ServiceView) => {
      const needed = service.needs.map((need) => nodes.get(need)?.row).filter((row) => row !== undefined);
      return needed.reduce((sum, row) => sum + row, 0) / Math.max(1, needed.length);
    };
    const heights = new Map(here.map((service) => [service.name, height(service)]));
    here.sort((a, b) => (heights.get(a.name) ?? 0) - (heights.get(b.name) ?? 0));
    here.forEach((service, row) => nodes.set(service.name, { service, column: at, row }));
    rows = Math.max(rows, here.length);
  }

  const edges = services.flatMap((service) =>
    service.needs.flatMap((need): Edge[] => {
      const [from, to] = [nodes.get(need), nodes.get(service.name)];
      if (from === undefined || to === undefined) return [];
      return [{ from, to, failing: reaches(from.service, service) }];
    }),
  );
  return { nodes: [...nodes.values()], edges, columns: last + 1, rows };
}

/** Whether a service waits for a failing one, or its problem is caused by or through it. */
function reaches(needed: ServiceView, service: ServiceView): boolean {
  if (!hasProblem(needed)) return false;
  if (service.waiting_for.includes(needed.name)) return true;
  const cause = service.finding?.service;
  return cause === needed.name || (cause !== undefined && cause === needed.finding?.service && cause !== service.name);
}
