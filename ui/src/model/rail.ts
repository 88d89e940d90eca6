/** The part of a needed service's vertical line in one row. Lane 0 belongs to the services themselves. */
export interface Piece {
  lane: number;
  /** Its extent: the upper half of the row, the lower half, or all of it. */
  part: "top" | "bottom" | "through";
  /** Whether it bends from the lane to the service of this row. */
  bend: boolean;
  /** The needed service whose line this is. */
  of: string;
}

export interface Rail {
  /** The number of lanes without that of the services. */
  lanes: number;
  /** The pieces of each row. */
  rows: Piece[][];
}

interface Wire {
  of: string;
  from: number;
  to: number;
  stops: Set<number>;
  lane: number;
}

/** The maximum number of lanes, so that names have enough space. Further services share the last lane. */
const MOST_LANES = 4;

/**
 * Connects services with their dependencies, in the order of the list. Neighbours are connected directly.
 * Every other needed service has its own lane, as far as its last dependent.
 */
export function rail(services: readonly { name: string; needs: readonly string[] }[]): Rail {
  const row = new Map(services.map((service, index) => [service.name, index]));
  const users = new Map<string, number[]>();
  services.forEach(({ needs }, index) => {
    for (const need of needs) {
      if (!row.has(need) || row.get(need) === index) continue;
      users.set(need, [...(users.get(need) ?? []), index]);
    }
  });

  const rows: Piece[][] = services.map(() => []);
  const wires: Wire[] = [];
  for (const [of, stops] of users) {
    const home = row.get(of) as number;
    const far = stops.filter((stop) => Math.abs(stop - home) > 1);
    for (const stop of stops) {
      if (Math.abs(stop - home) > 1) continue;
      const [upper, lower] = stop > home ? [home, stop] : [stop, home];
      rows[upper]?.push({ lane: 0, part: "bottom", bend: false, of });
      rows[lower]?.push({ lane: 0, part: "top", bend: false, of });
    }
    if (far.length > 0) {
      const all = [home, ...far];
      const [from, to] = [Math.min(...all), Math.max(...all)];
      wires.push({ of, from, to, stops: new Set(all), lane: 0 });
    }
  }

  // Short lines are close to the services and long ones outside, so that few cross.
  wires.sort((a, b) => a.to - a.from - (b.to - b.from) || a.from - b.from);
  const taken: Wire[][] = [];
  for (const wire of wires) {
    let lane = taken.findIndex((others) => others.every((other) => apart(wire, other)));
    if (lane === -1) {
      lane = Math.min(taken.length, MOST_LANES - 1);
      taken[lane] ??= [];
    }
    taken[lane]?.push(wire);
    wire.lane = lane + 1;
    for (let at = wire.from; at <= wire.to; at++) {
      const part = at === wire.from ? "bottom" : at === wire.to ? "top" : "through";
      rows[at]?.push({ lane: wire.lane, part, bend: wire.stops.has(at), of: wire.of });
    }
  }
  return { lanes: taken.length, rows };
}

function apart(a: Wire, b: Wire): boolean {
  return a.to < b.from || b.to < a.from;
}

/** The highlighted parts of a piece. */
export interface Lit {
  line: boolean;
  bend: boolean;
}

/**
 * The highlighted parts for a selected service: the lines to its dependents and to its dependencies.
 */
export function lit(
  services: readonly { name: string; needs: readonly string[] }[],
  chosen: string | null,
  at: number,
  { of, part, lane }: Piece,
): Lit {
  if (chosen === null) return { line: false, bend: false };
  if (of === chosen) return { line: true, bend: true };
  const end = services.findIndex((service) => service.name === chosen);
  if (end === -1 || !services[end]?.needs.includes(of)) return { line: false, bend: false };
  const home = services.findIndex((service) => service.name === of);
  const neighbours = Math.abs(end - home) === 1;
  if (neighbours !== (lane === 0)) return { line: false, bend: false };
  const [upper, lower] = [Math.min(home, end), Math.max(home, end)];
  if (lane === 0) {
    const joins = (at === upper && part === "bottom") || (at === lower && part === "top");
    return { line: joins, bend: false };
  }
  return { line: at > upper && at < lower, bend: at === upper || at === lower };
}
