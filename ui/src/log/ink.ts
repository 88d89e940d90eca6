/** The look of a pen in both themes. */

import { PLAIN, TRUE_COLOUR, type Colour, type Pen } from "./ansi";
import { DARK, LIGHT, css, mix, ofPalette, readable, type Rgb, type Theme } from "./colours";

/**
 * A span's look: classes, and custom properties for colours that are not in a style sheet. `null` is the
 * look of the row.
 */
export interface Ink {
  readonly classes: string;
  readonly onDark: string | null;
  readonly behindDark: string | null;
  readonly onLight: string | null;
  readonly behindLight: string | null;
}

const NONE: Ink = { classes: "", onDark: null, behindDark: null, onLight: null, behindLight: null };

/** The share of the background in faint text, before its contrast is corrected. */
const FAINT = 0.35;

const known = new Map<string, Ink>();

/** The look of a pen, which is computed once for each pen. */
export function ink(pen: Pen): Ink {
  if (pen === PLAIN) return NONE;
  const key = JSON.stringify(pen);
  let made = known.get(key);
  if (!made) {
    // A program that uses all true colours must not fill the memory.
    if (known.size > 4096) known.clear();
    made = make(pen);
    known.set(key, made);
  }
  return made;
}

function make(pen: Pen): Ink {
  const classes = (["bold", "italic", "underline", "strike"] as const).filter((name) => pen[name]);
  const dark = colours(pen, DARK);
  const light = colours(pen, LIGHT);
  const coloured = dark.on || dark.behind ? ["coloured"] : [];
  return {
    classes: [...classes, ...coloured].join(" "),
    onDark: dark.on,
    behindDark: dark.behind,
    onLight: light.on,
    behindLight: light.behind,
  };
}

function colours(pen: Pen, theme: Theme): { on: string | null; behind: string | null } {
  const own = pen.foreground !== null || pen.background !== null || pen.dim || pen.inverse;
  if (!own) return { on: null, behind: null };
  let on = pen.foreground === null ? theme.text : rgb(pen.foreground, theme);
  let behind = pen.background === null ? theme.surface : rgb(pen.background, theme);
  if (pen.inverse) [on, behind] = [behind, on];
  if (pen.dim) on = mix(on, behind, FAINT);
  const filled = pen.background !== null || pen.inverse;
  return { on: css(readable(on, behind)), behind: filled ? css(behind) : null };
}

function rgb(colour: Colour, theme: Theme): Rgb {
  if (colour < TRUE_COLOUR) return ofPalette(colour, theme);
  return [(colour >> 16) & 255, (colour >> 8) & 255, colour & 255];
}
