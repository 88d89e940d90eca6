import type { Session } from "../session.svelte";
import { canRestart, canStart, canStop, stackTitle } from "./words";

/** An entry of the command palette. */
export interface Entry {
  text: string;
  run: () => void;
}

/** Every action that makes sense now. */
export function entries(session: Session): Entry[] {
  const made: Entry[] = [];
  const add = (text: string, run: () => void) => made.push({ text, run });
  const view = session.stack?.view;
  for (const service of view?.services ?? []) {
    const { name } = service;
    const act = (what: "start" | "stop" | "restart") => () => session.act(what, [name]);
    if (canStart(service)) add(`Start ${name}`, act("start"));
    if (canStop(service)) add(`Stop ${name}`, act("stop"));
    if (canRestart(service)) add(`Restart ${name}`, act("restart"));
    add(`Show details of ${name}`, () => session.showDetails(name));
    if (!service.external) add(`Show log of ${name}`, () => session.showLog(name));
    for (const label of Object.keys(service.links)) {
      add(`Open ${label} (${name})`, () => session.openLink(name, label));
    }
  }
  if (view !== undefined) {
    if (view.services.some(canStart)) add("Start all", () => session.act("start", []));
    if (view.services.some(canRestart)) add("Restart all", () => session.act("restart", []));
    if (view.services.some(canStop)) add("Stop all", () => session.act("stop", []));
    add("Check everything now", () => void session.check());
    add("Show log of all services", () => session.showLog(null));
    add("Open the stack file", () => void session.tryTo(session.backend.openStackFile(view.file)));
  }
  for (const stack of session.stacks) {
    if (stack !== session.stack) {
      add(`Switch to ${stackTitle(stack.view)}`, () => session.choose(stack.view.file));
    }
  }
  add("Add project folder…", () => void session.lookAtFolder());
  add("Open a stack file…", () => void session.openStack());
  add("Settings", () => (session.open = { kind: "settings" }));
  add("Keyboard", () => (session.open = { kind: "help" }));
  return made;
}

/** The entries that contain every word of the text, in any order. */
export function matching(all: readonly Entry[], text: string): Entry[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return all.filter((entry) => words.every((word) => entry.text.toLowerCase().includes(word)));
}
