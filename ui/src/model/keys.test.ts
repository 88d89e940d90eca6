import { describe, expect, it } from "vitest";
import { command, type Place } from "./keys";

const press = (
  key: string,
  place: Place = "elsewhere",
  held: Partial<Record<"ctrlKey" | "metaKey" | "altKey" | "shiftKey", boolean>> = {},
) =>
  command({ key, ctrlKey: false, metaKey: false, altKey: false, shiftKey: false, ...held }, place);

describe("keys", () => {
  it("have the effects that the help lists", () => {
    expect(
      [
        "ArrowUp",
        "ArrowDown",
        "Enter",
        "s",
        "x",
        "r",
        "o",
        "d",
        "l",
        "/",
        "?",
        ",",
        "[",
        "]",
        "Escape",
      ].map((key) => press(key)),
    ).toEqual([
      "up",
      "down",
      "log",
      "start",
      "stop",
      "restart",
      "open",
      "doctor",
      "all-logs",
      "search",
      "help",
      "settings",
      "previous-stack",
      "next-stack",
      "escape",
    ]);
  });

  it("apply to the whole stack with Shift", () => {
    const held = { shiftKey: true };
    expect(["S", "X", "R"].map((key) => press(key, "elsewhere", held))).toEqual([
      "start-all",
      "stop-all",
      "restart-all",
    ]);
    expect(press("O", "elsewhere", held)).toBeNull();
  });

  it("treat capitals without Shift as caps lock", () => {
    expect(press("S")).toBe("start");
  });

  it("accept symbols with any modifier keys", () => {
    expect(press("?", "elsewhere", { shiftKey: true })).toBe("help");
    expect(press("/", "elsewhere", { shiftKey: true })).toBe("search");
  });

  it("are ignored in text fields and dialogues", () => {
    for (const place of ["text", "dialog"] as const) {
      expect(["s", "/", "Enter", "Escape", "ArrowUp"].map((key) => press(key, place))).toEqual([
        null,
        null,
        null,
        null,
        null,
      ]);
    }
  });

  it("do not override those of the browser and the system", () => {
    expect(press("r", "elsewhere", { ctrlKey: true })).toBeNull();
    expect(press("r", "elsewhere", { metaKey: true })).toBeNull();
    expect(press("x", "elsewhere", { altKey: true })).toBeNull();
  });

  it("let Enter press a button, and arrows scroll the log", () => {
    expect(press("Enter", "control")).toBeNull();
    expect(press("s", "control")).toBe("start");
    expect(press("ArrowDown", "log")).toBeNull();
    expect(press("ArrowDown", "control")).toBe("down");
  });
});
