import { describe, expect, it } from "vitest";
import { lit, rail } from "./rail";

const at = (name: string, ...needs: string[]) => ({ name, needs });

describe("the rail", () => {
  it("connects neighbours directly", () => {
    const { lanes, rows } = rail([at("redis"), at("backend", "redis"), at("frontend", "backend")]);
    expect(lanes).toBe(0);
    expect(rows.map((row) => row.map(({ part, of }) => `${part} ${of}`))).toEqual([
      ["bottom redis"],
      ["top redis", "bottom backend"],
      ["top backend"],
    ]);
  });

  it("gives a lane to a dependency further away, with a bend at each dependent", () => {
    const { lanes, rows } = rail([at("db"), at("a"), at("b", "db"), at("c"), at("d", "db")]);
    expect(lanes).toBe(1);
    expect(rows.map((row) => row.map(({ lane, part, bend }) => [lane, part, bend]))).toEqual([
      [[1, "bottom", true]],
      [[1, "through", false]],
      [[1, "through", true]],
      [[1, "through", false]],
      [[1, "top", true]],
    ]);
  });

  it("also goes upwards", () => {
    const { rows } = rail([at("web", "api"), at("other"), at("api")]);
    expect(rows[0]?.[0]).toMatchObject({ part: "bottom", of: "api", bend: true });
    expect(rows[2]?.[0]).toMatchObject({ part: "top", of: "api", bend: true });
  });

  it("shares a lane if lines do not meet", () => {
    const { lanes } = rail([at("a"), at("b"), at("c", "a"), at("d"), at("e"), at("f", "d")]);
    expect(lanes).toBe(1);
  });

  it("never uses more than four lanes", () => {
    const names = Array.from({ length: 12 }, (_, index) => `s${index}`);
    const all = names.map((name, index) => at(name, ...names.slice(0, index)));
    expect(rail(all).lanes).toBe(4);
  });

  it("leaves out services that are not in the list, and the service itself", () => {
    expect(rail([at("a", "a", "gone")]).rows).toEqual([[]]);
  });
});

describe("the highlight", () => {
  const services = [at("db"), at("a"), at("b", "db"), at("c", "b"), at("d", "db")];
  const shown = (chosen: string | null) =>
    rail(services).rows.map((row, index) =>
      row.map((piece) => {
        const { line, bend } = lit(services, chosen, index, piece);
        return `${piece.of}:${line ? "line" : ""}${bend ? "bend" : ""}`;
      }),
    );

  it("is empty without a selection", () => {
    expect(
      shown(null)
        .flat()
        .some((piece) => !piece.endsWith(":")),
    ).toBe(false);
  });

  it("is the whole line of a needed service", () => {
    expect(
      shown("db")
        .flat()
        .filter((piece) => piece === "db:linebend"),
    ).toHaveLength(5);
  });

  it("is the line from a service to its dependencies, and not beyond", () => {
    expect(shown("b")).toEqual([
      ["db:bend"],
      ["db:line"],
      ["b:linebend", "db:bend"],
      ["b:linebend", "db:"],
      ["db:"],
    ]);
  });
});
