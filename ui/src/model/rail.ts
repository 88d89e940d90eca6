/** A line down the lane of one needed service, in one row. Lane 0 is the services' own. */
export interface Piece {
  lane: number;
  /** Where it runs: the upper half of the row, the lower half, or all of it. */
  part: "top" | "bottom" | "through";
  /** Whether it bends from the lane to the service of this row. */
  bend: boolean;
  /** The needed service whose line this is. */
  of: string;
}

export interface Rail {
  /** How many lanes there are beside the services' own. */
  lanes: number;
  /** By row. */
  rows: Piece[][];
}

interface Wire {
  of: string;
  from: number;
  to: number;
  stops: Set<number>;
  lane: number;
}

/** More would push the names aside; the rest share the last one. */
const MOST_LANES = 4;

/**
 * How services are joined to what they need, in the order in which they are listed. Neighbours are
 * joined directly; every other needed service has a lane of its own for as far as it is needed.
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

  // Short ones close to the services, long ones outside, so that they cross little.
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

/** What of a piece stands out. */
export interface Lit {
  line: boolean;
  bend: boolean;
}

/**
 * What stands out when a service is chosen: all that leads to those that need it, and the way from
 * it to each that it needs.
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
