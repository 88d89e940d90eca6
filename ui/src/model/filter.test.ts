import { describe, expect, it } from "vitest";
import { inOrder, passes } from "./filter";
import { off, service } from "./samples";

const names = (services: { name: string }[]) => services.map(({ name }) => name);
const failed = service("failed", { phase: "failed", light: "red", pid: null });

describe("the list of services", () => {
  it("shows problems first if there are many services, and otherwise keeps the order of the file", () => {
    const some = ["a", "b", "c", "d", "e"].map((name) => service(name));
    expect(names(inOrder([...some, failed]))).toEqual(["a", "b", "c", "d", "e", "failed"]);
    const many = [...some, service("f"), failed, service("g")];
    expect(names(inOrder(many))).toEqual(["failed", "a", "b", "c", "d", "e", "f", "g"]);
  });

  it("can be filtered by problems and by starts", () => {
    expect(passes(failed, "problems")).toBe(true);
    expect(passes(service("a", { light: "amber" }), "problems")).toBe(true);
    expect(passes(service("a"), "problems")).toBe(false);
    expect(passes(service("a", { phase: "starting", light: "amber" }), "starting")).toBe(true);
    expect(passes(service("a", off), "starting")).toBe(false);
  });
});
