import type { Theme } from "../backend/wire";
import type { DetailsTab, Session } from "../session.svelte";
import { BREAKS } from "./example";
import { canRestart, canStart, canStop, hasProblem, stackTitle } from "./words";

/** An entry of the command palette. */
export interface Entry {
  text: string;
  /** The key that does the same. */
  key?: string;
  run: () => void;
}

/** Every action that makes sense now: those of the selected service first, then those of the stack. */
export function entries(session: Session): Entry[] {
  const made: Entry[] = [];
  const add = (text: string, run: () => void, key?: string) =>
    made.push(key === undefined ? { text, run } : { text, run, key });
  const view = session.stack?.view;
  const services = view?.services ?? [];
  const ofService = (service: (typeof services)[number], isChosen: boolean) => {
    const { name } = service;
    const key = (letter: string) => (isChosen ? letter : undefined);
    const act = (what: "start" | "stop" | "restart") => () => session.act(what, [name]);
    const show = (tab: DetailsTab) => () => session.showDetails(name, tab);
    if (canRestart(service)) add(`Restart ${name}`, act("restart"), key("R"));
    if (canStart(service)) add(`Start ${name}`, act("start"), key("S"));
    if (canStop(service)) add(`Stop ${name}`, act("stop"), key("X"));
    for (const label of Object.keys(service.links)) {
      add(`Open ${label} (${name})`, () => session.openLink(name, label));
    }
    if (!service.external) add(`Show log of ${name}`, () => session.showLog(name), key("Enter"));
    add(`Show details of ${name}`, show("Overview"), key("I"));
    add(`Show checks of ${name}`, show("Checks"));
    add(`Show environment of ${name}`, show("Environment"));
    if (!service.external) add(`Show runs of ${name}`, show("Runs"));
    add(`Show events of ${name}`, show("Events"));
    add(`Show graphs of ${name}`, show("Graphs"));
  };
  const chosen = services.find(({ name }) => name === session.service);
  if (chosen !== undefined) ofService(chosen, true);
  if (view !== undefined) {
    if (services.some(canStart)) add("Start all", () => session.act("start", []), "Shift S");
    if (services.some(canRestart)) add("Restart all", () => session.act("restart", []), "Shift R");
    if (services.some(canStop)) add("Stop all", () => session.act("stop", []), "Shift X");
    add("Check everything now", () => void session.check(), "D");
    add("Show log of all services", () => session.showLog(null), "L");
    if (services.some(hasProblem) || session.filter !== "all") {
      const filter = session.filter === "all" ? "problems" : "all";
      const text = filter === "all" ? "Show all services" : "Show only problems";
      add(text, () => (session.filter = filter), "F");
    }
    const graph = session.asGraph ? "Show services as a list" : "Show services as a graph";
    add(graph, () => (session.asGraph = !session.asGraph), "G");
    add("Show events", () => (session.open = { kind: "events" }));
    add("Show the last start", () => (session.open = { kind: "last-start" }));
    add("Copy for a teammate", () => void session.share());
    add("Open the stack file", () => void session.tryTo(session.backend.openStackFile(view.file)));
  }
  if (session.stack?.known?.is_example === true) {
    for (const [how, text] of BREAKS) {
      add(`Break the example: ${text}`, () => void session.breakExample(how));
    }
    add("Repair the example", () => void session.repairExample());
  }
  for (const service of services) if (service !== chosen) ofService(service, false);
  if (session.stacks.length > 1) {
    add("Show all stacks", () => (session.open = { kind: "overview" }));
  }
  for (const stack of session.stacks) {
    if (stack !== session.stack) {
      add(`Switch to ${stackTitle(stack.view)}`, () => session.choose(stack.view.file));
    }
  }
  if (session.backend.desktop) {
    add("Add project folder…", () => void session.lookAtFolder());
    add("Learn from what is running…", () => void session.lookAtFolder(true));
    add("Open a stack file…", () => void session.openStack());
  }
  add("Try the example", () => void session.tryExample());
  const settings = session.world?.settings;
  if (settings !== undefined) {
    for (const theme of ["system", "light", "dark"] satisfies Theme[]) {
      if (theme !== settings.theme) add(`Theme: ${theme}`, () => void session.change({ theme }));
    }
    const { notifications } = settings;
    if (session.backend.desktop) {
      const change = () => void session.change({ notifications: !notifications });
      add(`Turn notifications ${notifications ? "off" : "on"}`, change);
      const muted = session.mutedUntil !== null;
      const mute = muted ? "Unmute notifications" : "Mute notifications for an hour";
      if (notifications) add(mute, () => void session.mute(!muted));
    }
  }
  add("Settings", () => (session.open = { kind: "settings" }), ",");
  add("Keyboard", () => (session.open = { kind: "help" }), "?");
  return made;
}

/**
 * The entries that contain every word of the text, in any order. Those that begin with the text come
 * first.
 */
export function matching(all: readonly Entry[], text: string): Entry[] {
  const wanted = text.trim().toLowerCase();
  const words = wanted.split(/\s+/).filter(Boolean);
  const found = all.filter((entry) => {
    const said = entry.text.toLowerCase();
    return words.every((word) => said.includes(word));
  });
  const begins = (entry: Entry) => entry.text.toLowerCase().startsWith(wanted);
  return [...found.filter(begins), ...found.filter((entry) => !begins(entry))];
}
