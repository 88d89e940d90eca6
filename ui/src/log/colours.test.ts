import { expect, test } from "vitest";

import { PLAIN, TRUE_COLOUR, type Pen } from "./ansi";
import { DARK, ENOUGH, LIGHT, contrast, hex, ofPalette, readable, type Rgb } from "./colours";
import { ink } from "./ink";

// Fails if the colours differ from those in theme.css: both must be changed together.
import themeCss from "../theme.css?raw";

function rgb(css: string | null, otherwise: Rgb): Rgb {
  const parts = css?.match(/\d+/g)?.map(Number);
  return parts ? [parts[0] ?? 0, parts[1] ?? 0, parts[2] ?? 0] : otherwise;
}

/** The lowest contrast of a pen in both themes. */
function least(pen: Partial<Pen>): number {
  const look = ink({ ...PLAIN, ...pen });
  return Math.min(
    contrast(rgb(look.onDark, DARK.text), rgb(look.behindDark, DARK.surface)),
    contrast(rgb(look.onLight, LIGHT.text), rgb(look.behindLight, LIGHT.surface)),
  );
}

test("contrast follows WCAG", () => {
  expect(contrast([0, 0, 0], [255, 255, 255])).toBeCloseTo(21);
  expect(contrast(hex("#777777"), [255, 255, 255])).toBeCloseTo(4.48, 2);
});

test("the palette equals that of xterm", () => {
  expect(ofPalette(16, DARK)).toEqual([0, 0, 0]);
  expect(ofPalette(208, DARK)).toEqual([255, 135, 0]);
  expect(ofPalette(231, DARK)).toEqual([255, 255, 255]);
  expect(ofPalette(232, DARK)).toEqual([8, 8, 8]);
  expect(ofPalette(255, DARK)).toEqual([238, 238, 238]);
});

test("every colour of the palette is readable in both themes", () => {
  for (let index = 0; index < 256; index += 1) {
    expect(least({ foreground: index }), `${index}`).toBeGreaterThanOrEqual(ENOUGH - 0.1);
    expect(least({ foreground: index, dim: true }), `dim ${index}`).toBeGreaterThan(4.5);
    expect(least({ background: index }), `on ${index}`).toBeGreaterThan(4.5);
  }
});

test("every pair of the sixteen is readable, also inverted", () => {
  for (let foreground = 0; foreground < 16; foreground += 1) {
    for (let background = 0; background < 16; background += 1) {
      const pair = { foreground, background };
      expect(least(pair), JSON.stringify(pair)).toBeGreaterThan(4.5);
      expect(least({ ...pair, inverse: true }), JSON.stringify(pair)).toBeGreaterThan(4.5);
    }
  }
});

test("a readable colour is unchanged, and another one keeps its hue", () => {
  expect(readable([255, 255, 255], [0, 0, 0])).toEqual([255, 255, 255]);
  const [red, green, blue] = readable([120, 0, 0], hex("#1a1d23"));
  expect(red).toBeGreaterThan(green);
  expect(green).toBe(blue);
});

test("true colours without contrast are moved", () => {
  expect(least({ foreground: TRUE_COLOUR + 0x14143c })).toBeGreaterThan(4.5);
  expect(least({ foreground: TRUE_COLOUR + 0xffffff })).toBeGreaterThan(4.5);
});

test("text without colours has those of its row", () => {
  const look = ink({ ...PLAIN, bold: true, underline: true });
  expect(look.classes).toBe("bold underline");
  expect([look.onDark, look.behindDark, look.onLight, look.behindLight]).toEqual([
    null,
    null,
    null,
    null,
  ]);
});

test("the themes are those of the window", () => {
  const [light = "", dark = ""] = themeCss.split(':root[data-theme="dark"]');
  const value = (css: string, name: string) =>
    hex(new RegExp(`${name}:\\s*(#[0-9a-f]{6})`).exec(css)?.[1] ?? "");
  expect(value(light, "--text")).toEqual(LIGHT.text);
  expect(value(light, "--panel")).toEqual(LIGHT.surface);
  expect(value(dark, "--text")).toEqual(DARK.text);
  expect(value(dark, "--panel")).toEqual(DARK.surface);
});
