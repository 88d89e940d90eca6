import { expect, it } from "vitest";
import { excerpt } from "./excerpt";

it("a line has its number and a pointer below its word", () => {
  expect(excerpt('comand = "x"\n', 12, 1)).toBe('12 │ comand = "x"\n   │ ^^^^^^');
  expect(excerpt('\tname = "x', 9, 9)).toBe('9 │ \tname = "x\n  │ \t       ^');
});

it("without a position it is only the line", () => {
  expect(excerpt("a = 1", null, null)).toBe("a = 1");
  expect(excerpt("a = 1", 3, null)).toBe("3 │ a = 1");
  expect(excerpt("a = 1", 3, 99)).toBe("3 │ a = 1");
});

it("several lines are unchanged", () => {
  expect(excerpt("1 │ a\n2 │ b", 2, 1)).toBe("1 │ a\n2 │ b");
});
