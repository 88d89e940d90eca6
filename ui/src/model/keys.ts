/** The command of a key. */
export type Command =
  | "up"
  | "down"
  | "first"
  | "last"
  | "log"
  | "start"
  | "stop"
  | "restart"
  | "start-all"
  | "stop-all"
  | "restart-all"
  | "open"
  | "doctor"
  | "all-logs"
  | "search"
  | "help"
  | "palette"
  | "filter"
  | "details"
  | "graph"
  | "settings"
  | "previous-stack"
  | "next-stack"
  | "escape";

export interface Pressed {
  key: string;
  ctrlKey: boolean;
  metaKey: boolean;
  altKey: boolean;
  shiftKey: boolean;
}

/** Where the focus is when a key is pressed. */
export type Place =
  /** In a text field, where letters are typed. */
  | "text"
  /** In a dialogue, a menu or another part with its own keys. */
  | "dialog"
  /** On a button or a link, which Enter and Space press. */
  | "control"
  /** In the log, where arrows scroll. */
  | "log"
  | "elsewhere";

/** In the order in which the help shows them. */
export const KEYS: readonly { keys: string[]; text: string }[] = [
  { keys: ["↑", "↓"], text: "select a service" },
  { keys: ["Enter"], text: "show its log" },
  { keys: ["S"], text: "start it" },
  { keys: ["X"], text: "stop it" },
  { keys: ["R"], text: "restart it" },
  { keys: ["O"], text: "open its link in the browser" },
  { keys: ["Shift", "S X R"], text: "the same for the whole stack" },
  { keys: ["I"], text: "show its details" },
  { keys: ["F"], text: "show only problems, or all" },
  { keys: ["G"], text: "show services as a graph, or as a list" },
  { keys: ["D"], text: "check everything now" },
  { keys: ["L"], text: "show the log of all services" },
  { keys: ["N", "Shift N"], text: "next, previous line found" },
  { keys: ["E"], text: "last error in the log, then the one before" },
  { keys: ["End"], text: "in the log: follow it again" },
  { keys: ["[", "]"], text: "previous, next stack" },
  { keys: ["Ctrl K"], text: "all commands" },
  { keys: ["/", "Ctrl F"], text: "search the log" },
  { keys: [",", "Ctrl ,"], text: "settings" },
  { keys: ["?"], text: "this help" },
  { keys: ["Esc"], text: "close dialog or clear selection" },
];

const LETTERS: Record<string, Command> = {
  s: "start",
  x: "stop",
  r: "restart",
  o: "open",
  d: "doctor",
  l: "all-logs",
  f: "filter",
  i: "details",
  g: "graph",
  "/": "search",
  "?": "help",
  ",": "settings",
  "[": "previous-stack",
  "]": "next-stack",
};

const WITH_SHIFT: Record<string, Command> = {
  s: "start-all",
  x: "stop-all",
  r: "restart-all",
  d: "doctor",
  l: "all-logs",
};

/** Also in a text field. */
const WITH_CONTROL: Record<string, Command> = {
  f: "search",
  k: "palette",
  ",": "settings",
};

const MOVES: Record<string, Command> = {
  ArrowUp: "up",
  ArrowDown: "down",
  Home: "first",
  End: "last",
};

/** The command of a key, or null if the window has none for it. */
export function command(pressed: Pressed, place: Place): Command | null {
  if (place === "dialog") return null;
  if (pressed.altKey) return null;
  if (pressed.ctrlKey || pressed.metaKey) return WITH_CONTROL[pressed.key.toLowerCase()] ?? null;
  if (place === "text") return null;
  if (pressed.key === "Escape") return "escape";
  if (pressed.key === "Enter") return place === "elsewhere" ? "log" : null;
  const move = MOVES[pressed.key];
  if (move !== undefined) return place === "log" ? null : move;
  const letter = pressed.key.toLowerCase();
  // For symbols, the modifier keys that type them do not matter.
  if (!/^[a-z]$/.test(letter)) return LETTERS[pressed.key] ?? null;
  return (pressed.shiftKey ? WITH_SHIFT : LETTERS)[letter] ?? null;
}
