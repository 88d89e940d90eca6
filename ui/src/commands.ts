import type { Command } from "./model/keys";
import type { Session } from "./session.svelte";

/** The parts of the page that a key may use. */
export interface Page {
  focusChosen: () => void;
  showLog: (service: string) => void;
  search: () => void;
}

/** Carries out the command of a key. Returns whether there was anything to do. */
export function carryOut(asked: Command, session: Session, page: Page): boolean {
  const { service } = session;
  switch (asked) {
    case "up":
    case "down":
    case "first":
    case "last":
      session.move({ up: -1, down: 1, first: -Infinity, last: Infinity }[asked]);
      page.focusChosen();
      return true;
    case "log":
      if (service === null) return false;
      page.showLog(service);
      return true;
    case "start":
    case "stop":
    case "restart":
      if (service === null) session.tell("info", "Select a service first, with the arrow keys.");
      else session.act(asked, [service]);
      return true;
    case "start-all":
      session.act("start", []);
      return true;
    case "stop-all":
      session.act("stop", []);
      return true;
    case "restart-all":
      session.act("restart", []);
      return true;
    case "open":
      if (service !== null) session.openLink(service);
      return true;
    case "doctor":
      void session.check();
      return true;
    case "all-logs":
      session.showLog(null);
      return true;
    case "search":
      page.search();
      return true;
    case "help":
      session.open = { kind: "help" };
      return true;
    case "palette":
      session.open = { kind: "palette" };
      return true;
    case "filter":
      session.filter = session.filter === "all" ? "problems" : "all";
      return true;
    case "details":
      if (service !== null) session.detailed = !session.detailed;
      return service !== null;
    case "graph":
      session.asGraph = !session.asGraph;
      return true;
    case "settings":
      session.open = { kind: "settings" };
      return true;
    case "previous-stack":
      session.step(-1);
      return true;
    case "next-stack":
      session.step(1);
      return true;
    case "escape":
      return escape(session);
  }
}

/** Dismisses the latest message, then clears the selection. */
function escape(session: Session): boolean {
  const last = session.toasts.at(-1);
  if (last !== undefined) session.dismiss(last.id);
  else if (session.detailed) session.detailed = false;
  else if (session.service !== null) {
    session.service = null;
    if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
  } else return false;
  return true;
}
