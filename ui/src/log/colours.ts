/** Readable colours: contrast as WCAG 2.2 defines it, and the correction of colours with too little. */

/** Red, green and blue, each from 0 to 255. */
export type Rgb = readonly [number, number, number];

/** Above the 4.5 of level AA, since selected and hovered rows have slightly different backgrounds. */
export const ENOUGH = 5.5;

/** The colours of the log in a theme. `theme.css` has the same as `--text` and `--panel`. */
export interface Theme {
  readonly text: Rgb;
  readonly surface: Rgb;
  /** The first sixteen colours: black to white, then the same, bright. */
  readonly sixteen: readonly Rgb[];
}

export const DARK: Theme = {
  text: hex("#e9ebef"),
  surface: hex("#1a1d23"),
  sixteen: [
    "#4b5261",
    "#ff6b61",
    "#4fd18b",
    "#e5b84b",
    "#6fa8ff",
    "#d78bea",
    "#45c8d6",
    "#d5dae3",
    "#8b95a5",
    "#ff8a82",
    "#7be3a9",
    "#f5d27a",
    "#98c1ff",
    "#e6aef4",
    "#7fe0ea",
    "#ffffff",
  ].map(hex),
};

export const LIGHT: Theme = {
  text: hex("#191c22"),
  surface: hex("#ffffff"),
  sixteen: [
    "#1a1d23",
    "#b3261e",
    "#0d6b45",
    "#7d5200",
    "#1556b5",
    "#8a2ba8",
    "#0b6671",
    "#5a6372",
    "#4b5361",
    "#c62f2a",
    "#12754c",
    "#8a5c00",
    "#1f63c9",
    "#9a3bb8",
    "#0e7380",
    "#6b7380",
  ].map(hex),
};

/** The colour of `#rrggbb`. */
export function hex(text: string): Rgb {
  const value = Number.parseInt(text.slice(1), 16);
  return [(value >> 16) & 255, (value >> 8) & 255, value & 255];
}

/** The colour in CSS. */
export function css([red, green, blue]: Rgb): string {
  return `rgb(${red} ${green} ${blue})`;
}

/** One of the 256 of xterm: sixteen of the theme, a cube of 6 × 6 × 6, and 24 greys. */
export function ofPalette(index: number, theme: Theme): Rgb {
  const one = theme.sixteen[index];
  if (one) return one;
  if (index >= 232) {
    const grey = 8 + (index - 232) * 10;
    return [grey, grey, grey];
  }
  const step = (n: number) => (n === 0 ? 0 : 55 + n * 40);
  const cube = index - 16;
  return [step(Math.floor(cube / 36)), step(Math.floor(cube / 6) % 6), step(cube % 6)];
}

/** `share` of `b` in `a`. */
export function mix(a: Rgb, b: Rgb, share: number): Rgb {
  const part = (at: 0 | 1 | 2) => Math.round(a[at] + (b[at] - a[at]) * share);
  return [part(0), part(1), part(2)];
}

/** From 1 (the same) to 21 (black on white). */
export function contrast(a: Rgb, b: Rgb): number {
  const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x) as [number, number];
  return (light + 0.05) / (dark + 0.05);
}

/** The colour, or the nearest one towards white or black that has `ENOUGH` contrast to the background. */
export function readable(colour: Rgb, background: Rgb): Rgb {
  if (contrast(colour, background) >= ENOUGH) return colour;
  const white: Rgb = [255, 255, 255];
  const black: Rgb = [0, 0, 0];
  const end = contrast(white, background) >= contrast(black, background) ? white : black;
  let [little, much] = [0, 1];
  for (let round = 0; round < 7; round += 1) {
    const middle = (little + much) / 2;
    if (contrast(mix(colour, end, middle), background) >= ENOUGH) much = middle;
    else little = middle;
  }
  return mix(colour, end, much);
}

function luminance(colour: Rgb): number {
  const [red, green, blue] = colour.map((value) => {
    const share = value / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
