import { expect, it } from "vitest";
import { matching } from "./palette";

it("finds entries by their words, in any order", () => {
  const all = ["Start redis", "Restart backend", "Show log of backend"].map((text) => ({
    text,
    run: () => undefined,
  }));
  const found = (text: string) => matching(all, text).map((entry) => entry.text);
  expect(found("")).toHaveLength(3);
  expect(found("back log")).toEqual(["Show log of backend"]);
  expect(found("START")).toEqual(["Start redis", "Restart backend"]);
  expect(found("nothing")).toEqual([]);
});

it("puts entries first that begin with the text", () => {
  const all = ["Restart all", "Start all"].map((text) => ({ text, run: () => undefined }));
  expect(matching(all, "start").map((entry) => entry.text)).toEqual(["Start all", "Restart all"]);
});
