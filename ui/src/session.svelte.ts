import type { Backend } from "./backend/backend";
import type { Action, Draft, Finding, Outcome, Settings, Update } from "./backend/wire";
import { toClipboard } from "./log/clipboard";
import { changes } from "./model/announce";
import { list } from "./model/format";
import { complaint, sentence } from "./model/outcome";
import { canRestart, canStart, canStop, isMoving } from "./model/words";
import { reduce, stacks, type Stack, type World } from "./model/world";

export interface Toast {
  id: number;
  kind: "info" | "error";
  text: string;
}

export type Open =
  { kind: "settings" } | { kind: "help" } | { kind: "quit" } | { kind: "draft"; draft: Draft };

/** What a check on demand found, until the stack changes. */
export interface Checked {
  file: string;
  findings: Finding[];
}

/** How long a message stays that needs no answer, in milliseconds. */
const PASSING = 6_000;

/** What one window knows and shows: its host's world, and what a person has chosen in it. */
export class Session {
  world: World | null = $state.raw(null);
  /** Why there is no host to talk to. */
  lost: string | null = $state(null);
  /** The clock, moved on by `App` while the window is seen. */
  now: number = $state(Date.now());

  /** The chosen row; its stack is `stack`. */
  service: string | null = $state(null);
  /** Whose log is shown; null for all. */
  logOf: string | null = $state(null);
  open: Open | null = $state.raw(null);
  /** How many services are still to stop before the app ends. */
  quitting: number | null = $state(null);
  toasts: Toast[] = $state.raw([]);
  /** What the live region says. */
  spoken: string = $state("");
  checked: Checked | null = $state.raw(null);
  checking: boolean = $state(false);

  readonly backend: Backend;
  private chosenFile: string | null = $state(null);
  private lastToast = 0;

  constructor(backend: Backend) {
    this.backend = backend;
  }

  readonly stacks: Stack[] = $derived(this.world === null ? [] : stacks(this.world));
  readonly stack: Stack | null = $derived(
    this.stacks.find((stack) => stack.view.file === this.chosenFile) ?? this.stacks[0] ?? null,
  );
  readonly moving: boolean = $derived(this.stack !== null && isMoving(this.stack.view));
  /** What stands above the list: what the keeper found, then what only a check on demand did. */
  readonly findings: Finding[] = $derived.by(() => {
    if (this.stack === null) return [];
    const { file, findings } = this.stack.view;
    const more = this.checked?.file === file ? this.checked.findings : [];
    const known = new Set(findings.map((finding) => `${finding.service} ${finding.code}`));
    return [
      ...findings,
      ...more.filter((finding) => !known.has(`${finding.service} ${finding.code}`)),
    ];
  });

  async connect(): Promise<void> {
    this.lost = null;
    try {
      await this.backend.subscribe((update) => this.receive(update));
    } catch (reason) {
      // What was known is of another time now.
      this.world = null;
      this.lost = messageOf(reason);
    }
  }

  receive(update: Update): void {
    this.now = Date.now();
    const before = this.world;
    this.world = reduce(before, update, this.now);
    switch (update.kind) {
      case "snapshot": {
        const said = before === null ? [] : changes(before.snapshot, update.snapshot);
        if (said.length > 0) {
          this.spoken = said.join(". ");
          this.checked = null;
        }
        break;
      }
      case "remark":
        this.tell("info", update.text, false);
        break;
      case "show":
        this.choose(update.file, update.service);
        if (update.service !== null) this.logOf = update.service;
        break;
      case "quit_asked":
        this.open = { kind: "quit" };
        break;
      case "quitting":
        this.quitting = update.stopping;
        this.open = { kind: "quit" };
        break;
      case "whole":
      case "usage":
      case "stacks":
      case "settings":
      case "tray":
        break;
    }
    this.forget();
  }

  /** Lets go of what was chosen and is no longer there. */
  private forget(): void {
    const names = this.stack?.view.services.map((service) => service.name) ?? [];
    if (this.service !== null && !names.includes(this.service)) this.service = null;
    if (this.logOf !== null && !names.includes(this.logOf)) this.logOf = null;
  }

  choose(file: string, service: string | null = null): void {
    if (file !== this.stack?.view.file) this.logOf = null;
    this.chosenFile = file;
    this.service = service;
    this.forget();
  }

  /** Chooses the stack that many places further. */
  step(by: number): void {
    const files = this.stacks.map((stack) => stack.view.file);
    const at = files.indexOf(this.stack?.view.file ?? "");
    const next = files[(at + by + files.length) % files.length];
    if (next !== undefined && next !== files[at]) this.choose(next);
  }

  /** Chooses the row that many places further; with none chosen, the first or the last. */
  move(by: number): void {
    const services = this.stack?.view.services ?? [];
    const at = services.findIndex((service) => service.name === this.service);
    const from = at !== -1 ? at : by > 0 ? -1 : services.length;
    const to = from + by;
    const next = services[Math.min(services.length - 1, Math.max(0, to))];
    if (next !== undefined) this.service = next.name;
  }

  showLog(service: string | null): void {
    this.service = service ?? this.service;
    this.logOf = service;
  }

  tell(kind: Toast["kind"], text: string, passes = kind === "info"): void {
    const id = ++this.lastToast;
    const others = this.toasts.filter((toast) => toast.text !== text);
    this.toasts = [...others, { id, kind, text }].slice(-4);
    if (passes) setTimeout(() => this.dismiss(id), PASSING);
  }

  dismiss(id: number): void {
    this.toasts = this.toasts.filter((toast) => toast.id !== id);
  }

  /** Says what went wrong, if anything did; answers whether it came true. */
  async attempt(doing: Promise<Outcome>): Promise<boolean> {
    try {
      const wrong = complaint(await doing);
      if (wrong === null) return true;
      this.tell("error", sentence(wrong));
    } catch (reason) {
      this.tell("error", messageOf(reason));
    }
    return false;
  }

  /** The same for what has no outcome; answers null when it could not be carried out. */
  async tryTo<T>(doing: Promise<T>): Promise<T | null> {
    try {
      return await doing;
    } catch (reason) {
      this.tell("error", messageOf(reason));
      return null;
    }
  }

  /** Starts, stops or restarts services of the shown stack where that makes sense; none is all. */
  act(what: "start" | "stop" | "restart", names: string[]): void {
    const view = this.stack?.view;
    if (view === undefined) return;
    const can = { start: canStart, stop: canStop, restart: canRestart }[what];
    const asked = view.services.filter(
      (service) => names.length === 0 || names.includes(service.name),
    );
    const one = asked.length === 1 ? asked[0] : undefined;
    // A restart of what does not run is a start.
    if (what === "restart" && one !== undefined && !can(one) && canStart(one)) {
      this.act("start", names);
      return;
    }
    if (!asked.some(can)) {
      if (one !== undefined) this.tell("info", impossible(what, one.name, one.external));
      return;
    }
    void this.attempt(this.backend[what](view.file, names));
  }

  /** Opens a link by its label, the page of the port with null, and without either what comes first. */
  openLink(service: string, label?: string | null): void {
    const view = this.stack?.view;
    const found = view?.services.find((one) => one.name === service);
    if (view === undefined || found === undefined) return;
    const first = Object.keys(found.links)[0];
    if (found.port === null && first === undefined) {
      this.tell("info", `${service} has neither a port nor a link`);
      return;
    }
    const wanted = label === undefined ? (first ?? null) : label;
    void this.tryTo(this.backend.openLink(view.file, service, wanted));
  }

  /** Asks every service everything, now. */
  async check(): Promise<void> {
    const file = this.stack?.view.file;
    if (file === undefined || this.checking) return;
    this.checking = true;
    const findings = await this.tryTo(this.backend.doctor(file));
    this.checking = false;
    if (findings === null) return;
    this.checked = { file, findings };
    const services = findings.map((finding) => finding.service);
    this.spoken = findings.length === 0 ? "Nothing is wrong" : `Found: ${list(services)}`;
    if (findings.length === 0) this.tell("info", "Checked everything: nothing is wrong.");
  }

  async carryOut(action: Action): Promise<boolean> {
    const file = this.stack?.view.file;
    if (file === undefined) return false;
    const done = await this.attempt(this.backend.carryOut(file, action));
    if (done) this.checked = null;
    return done;
  }

  async copy(text: string): Promise<boolean> {
    const copied = await toClipboard(text);
    if (copied) this.spoken = "Copied";
    else this.tell("error", "This system did not let the text be copied.");
    return copied;
  }

  async openStack(): Promise<void> {
    const path = await this.tryTo(this.backend.pickStack());
    if (path !== null) await this.add(path);
  }

  async add(path: string): Promise<boolean> {
    const known = new Set(this.stacks.map((stack) => stack.view.file));
    const done = await this.attempt(this.backend.addStack(path));
    if (done) {
      const added = this.stacks.find((stack) => !known.has(stack.view.file));
      const same = this.stacks.find((stack) => stack.view.file === path);
      const shown = added ?? same;
      if (shown !== undefined) this.choose(shown.view.file);
    }
    return done;
  }

  async lookAtFolder(): Promise<void> {
    const path = await this.tryTo(this.backend.pickFolder());
    if (path === null) return;
    const draft = await this.tryTo(this.backend.lookAtFolder(path));
    if (draft !== null) this.open = { kind: "draft", draft };
  }

  async change(settings: Partial<Settings>): Promise<void> {
    const present = this.world?.settings;
    if (present === undefined) return;
    await this.attempt(this.backend.setSettings({ ...present, ...settings }));
  }
}

function impossible(what: "start" | "stop" | "restart", name: string, external: boolean): string {
  if (external) return `${name} is only watched: Pilot Light does not ${what} it.`;
  return what === "stop" ? `${name} does not run.` : `${name} is already on its way or up.`;
}

export function messageOf(reason: unknown): string {
  const text = reason instanceof Error ? reason.message : String(reason);
  return sentence(text === "" ? "something went wrong, and it said nothing" : text);
}
