import type { Break } from "../backend/wire";

/** The ways to break the example, with the words of the menu. */
export const BREAKS: readonly (readonly [Break, string])[] = [
  ["store", "Kill the store"],
  ["address", "Wrong address in .env"],
  ["port", "Take the port of the API"],
  ["cors", "Forbid the page (CORS)"],
  ["slow", "Slow down the API"],
];
