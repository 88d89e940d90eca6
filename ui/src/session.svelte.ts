import type { Backend } from "./backend/backend";
import type { Action, Break, Draft, Finding, Outcome, Settings, Update } from "./backend/wire";
import { toClipboard } from "./log/clipboard";
import { changes } from "./model/announce";
import { inOrder, passes, type Filter } from "./model/filter";
import { list, moment } from "./model/format";
import { complaint, sentence } from "./model/outcome";
import { canRestart, canStart, canStop, isMoving } from "./model/words";
import { reduce, stacks, type Stack, type World } from "./model/world";

export interface Toast {
  id: number;
  kind: "info" | "error";
  text: string;
  /** An action on the message, such as undo. */
  action: { label: string; run: () => void } | null;
}

export type Open =
  | { kind: "settings" }
  | { kind: "help" }
  | { kind: "palette" }
  | { kind: "last-start" }
  | { kind: "events" }
  | { kind: "overview" }
  | { kind: "quit" }
  | { kind: "draft"; draft: Draft; redraft: (without: string[]) => Promise<Draft | null> };

/** The findings of a check on demand, until the stack changes. */
export interface Checked {
  file: string;
  findings: Finding[];
}

export type DetailsTab = "Overview" | "Checks" | "Environment" | "Runs" | "Events" | "Graphs";

/** The time that a message stays, in milliseconds. */
const PASSING = 6_000;
/** The time for which notifications are muted, in milliseconds. */
const HOUR = 3_600_000;

/** The state of one window: what its host reports, and what the user has selected. */
export class Session {
  world: World | null = $state.raw(null);
  /** Why the connection to the host is lost. */
  lost: string | null = $state(null);
  /** The clock; `App` updates it while the window is visible. */
  now: number = $state(Date.now());

  /** The selected row; its stack is `stack`. */
  service: string | null = $state(null);
  /** The service whose log is shown; null for all. */
  logOf: string | null = $state(null);
  /** The run whose log alone is shown; null for all runs. */
  logRun: string | null = $state(null);
  /** Whether the details of the selected service are shown. */
  detailed: boolean = $state(false);
  detailsTab: DetailsTab = $state("Overview");
  filter: Filter = $state("all");
  /** Whether the services are shown as a graph. */
  asGraph: boolean = $state(false);
  open: Open | null = $state.raw(null);
  /** The number of services that are still running while the app quits. */
  quitting: number | null = $state(null);
  toasts: Toast[] = $state.raw([]);
  /** The text of the live region. */
  spoken: string = $state("");
  checked: Checked | null = $state.raw(null);
  checking: boolean = $state(false);
  /** Whether the check in progress is out of date. */
  private checksAgain = false;

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
  /** The findings above the list: those of the daemon, then those that only a check on demand found. */
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
      await this.backend.subscribe(
        (update) => this.receive(update),
        (why) => this.lose(why),
      );
    } catch (reason) {
      this.lose(messageOf(reason));
    }
  }

  /** The connection is lost: the last state is out of date. */
  private lose(why: string): void {
    this.world = null;
    this.lost = why;
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
      case "dropped":
        void this.take(update.path);
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

  /** Clears a selection that no longer exists. */
  private forget(): void {
    const names = this.stack?.view.services.map((service) => service.name) ?? [];
    if (this.service !== null && !names.includes(this.service)) this.service = null;
    if (this.logOf !== null && !names.includes(this.logOf)) this.logOf = null;
  }

  choose(file: string, service: string | null = null): void {
    if (file !== this.stack?.view.file) this.logOf = null;
    if (file !== this.stack?.view.file) this.filter = "all";
    this.chosenFile = file;
    this.service = service;
    this.forget();
  }

  /** Selects the stack this number of places further. */
  step(by: number): void {
    const files = this.stacks.map((stack) => stack.view.file);
    const at = files.indexOf(this.stack?.view.file ?? "");
    const next = files[(at + by + files.length) % files.length];
    if (next !== undefined && next !== files[at]) this.choose(next);
  }

  /** Moves the selection by this number of rows; without one, selects the first or the last row. */
  move(by: number): void {
    const all = inOrder(this.stack?.view.services ?? []);
    const services = all.filter((service) => passes(service, this.filter));
    const at = services.findIndex((service) => service.name === this.service);
    const from = at !== -1 ? at : by > 0 ? -1 : services.length;
    const to = from + by;
    const next = services[Math.min(services.length - 1, Math.max(0, to))];
    if (next !== undefined) this.service = next.name;
  }

  showLog(service: string | null): void {
    this.service = service ?? this.service;
    this.logOf = service;
    this.logRun = null;
  }

  /** Shows the log of one run of a service. */
  showRun(service: string, run: number): void {
    this.showLog(service);
    this.logRun = String(run);
  }

  showDetails(service: string, tab: DetailsTab = this.detailsTab): void {
    this.service = service;
    this.detailsTab = tab;
    this.detailed = true;
  }

  tell(
    kind: Toast["kind"],
    text: string,
    passes = kind === "info",
    action: Toast["action"] = null,
  ): void {
    const id = ++this.lastToast;
    const others = this.toasts.filter((toast) => toast.text !== text);
    this.toasts = [...others, { id, kind, text, action }].slice(-4);
    if (passes) setTimeout(() => this.dismiss(id), PASSING);
  }

  dismiss(id: number): void {
    this.toasts = this.toasts.filter((toast) => toast.id !== id);
  }

  /** Reports an error, if any. Returns whether the request succeeded. */
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

  /** Like `report`, for a request without an outcome. Returns null on an error. */
  async tryTo<T>(doing: Promise<T>): Promise<T | null> {
    try {
      return await doing;
    } catch (reason) {
      this.tell("error", messageOf(reason));
      return null;
    }
  }

  /** Starts, stops or restarts services of the shown stack if that makes sense; an empty list means all. */
  act(what: "start" | "stop" | "restart", names: string[]): void {
    const view = this.stack?.view;
    if (view === undefined) return;
    const can = { start: canStart, stop: canStop, restart: canRestart }[what];
    const asked = view.services.filter(
      (service) => names.length === 0 || names.includes(service.name),
    );
    const one = asked.length === 1 ? asked[0] : undefined;
    // A stopped service is started instead.
    if (what === "restart" && one !== undefined && !can(one) && canStart(one)) {
      this.act("start", names);
      return;
    }
    if (!asked.some(can)) {
      if (one !== undefined) this.tell("info", impossible(what, one.name, one.external));
      return;
    }
    void this.attempt(this.backend[what](view.file, names));
    if (what === "stop") {
      const { file } = view;
      const stopped = asked.filter(can).map((service) => service.name);
      const text = names.length === 0 ? "Stopping all services." : `Stopping ${list(stopped)}.`;
      const run = () => void this.attempt(this.backend.start(file, stopped));
      this.tell("info", text, true, { label: "Undo", run });
    }
  }

  /** Opens a link by its label, the page of the port with null, or without either the first of them. */
  openLink(service: string, label?: string | null): void {
    const view = this.stack?.view;
    const found = view?.services.find((one) => one.name === service);
    if (view === undefined || found === undefined) return;
    const first = Object.keys(found.links)[0];
    if (found.port === null && first === undefined) {
      this.tell("info", `${service} has no port and no link.`);
      return;
    }
    const wanted = label === undefined ? (first ?? null) : label;
    void this.tryTo(this.backend.openLink(view.file, service, wanted));
  }

  /** Runs every probe and check now; once more if `fresh` and a check that began earlier is not over. */
  async check(fresh = false): Promise<void> {
    const file = this.stack?.view.file;
    if (file === undefined) return;
    if (this.checking) {
      this.checksAgain ||= fresh;
      return;
    }
    this.checking = true;
    const findings = await this.tryTo(this.backend.doctor(file));
    this.checking = false;
    if (this.checksAgain) {
      this.checksAgain = false;
      return this.check();
    }
    if (findings === null) return;
    this.checked = { file, findings };
    const services = findings.map((finding) => finding.service);
    this.spoken = findings.length === 0 ? "No problems found" : `Problems: ${list(services)}`;
    if (findings.length === 0) this.tell("info", "No problems found.");
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
    else this.tell("error", "Could not copy to the clipboard.");
    return copied;
  }

  /** Copies a report of the stack for a teammate. */
  async share(): Promise<void> {
    const file = this.stack?.view.file;
    if (file === undefined) return;
    const report = await this.tryTo(this.backend.share(file));
    if (report !== null && (await this.copy(report))) {
      this.tell("info", "Copied: the problems, the last log lines and the stack file, without secrets.");
    }
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

  /** Adds the example, starts it and shows it. */
  async tryExample(): Promise<void> {
    const file = await this.tryTo(this.backend.tryExample());
    if (file === null) return;
    this.choose(file);
    await this.prove(file);
  }

  /** Breaks the example, and shows what a check finds then. */
  async breakExample(how: Break): Promise<void> {
    const file = this.stack?.view.file;
    if (file === undefined) return;
    const done = await this.tryTo(this.backend.breakExample(file, how));
    if (done === null) return;
    this.tell("info", `${sentence(done)}.`);
    await this.check(true);
  }

  async repairExample(): Promise<void> {
    const file = this.stack?.view.file;
    if (file === undefined) return;
    if (!(await this.attempt(this.backend.repairExample(file)))) return;
    this.checked = null;
    await this.check(true);
  }

  /** Starts a new stack, and reports that it is ready with its first link. */
  async prove(file: string): Promise<void> {
    if (!(await this.attempt(this.backend.start(file, [])))) return;
    const view = this.stacks.find((stack) => stack.view.file === file)?.view;
    if (view === undefined) return;
    // The answer may come before the snapshot in which they are green.
    const ready = view.services.filter(({ task }) => task !== true).length;
    const stays = this.backend.desktop && this.world?.tray === true ? " Pilot Light stays in the tray." : "";
    const linked = view.services.find(({ links }) => Object.keys(links).length > 0);
    const label = Object.keys(linked?.links ?? {})[0];
    const action =
      linked === undefined || label === undefined
        ? null
        : { label: `Open ${label} ↗`, run: () => this.openLink(linked.name, label) };
    this.tell("info", `${ready === 1 ? "Ready" : `All ${ready} ready`}.${stays}`, false, action);
  }

  /** Drafts the stack file of a folder that the user chooses: from its files, or from what is running. */
  async lookAtFolder(running = false): Promise<void> {
    const path = await this.tryTo(this.backend.pickFolder());
    if (path !== null) await this.lookAt(path, running);
  }

  private async lookAt(path: string, running: boolean): Promise<void> {
    const redraft = (without: string[]) =>
      this.tryTo(this.backend.lookAtFolder(path, running, without));
    const draft = await redraft([]);
    if (draft !== null) this.open = { kind: "draft", draft, redraft };
  }

  /** Takes what was dropped on the window: a stack file, or the folder of a project. */
  private async take(path: string): Promise<void> {
    if (path.endsWith(".toml")) await this.add(path);
    else await this.lookAt(path, false);
  }

  async change(settings: Partial<Settings>): Promise<void> {
    const present = this.world?.settings;
    if (present === undefined) return;
    await this.attempt(this.backend.setSettings({ ...present, ...settings }));
  }

  /** Until when notifications are muted; null if they are not. */
  readonly mutedUntil: number | null = $derived.by(() => {
    const until = moment(this.world?.settings.muted_until ?? null);
    return until !== null && until > this.now ? until : null;
  });

  async mute(on: boolean): Promise<void> {
    const { muted_until: _, ...settings } = this.world?.settings ?? {};
    const until = new Date(this.now + HOUR).toISOString();
    if (this.world === null) return;
    const changed = { ...(settings as Settings), ...(on ? { muted_until: until } : {}) };
    await this.attempt(this.backend.setSettings(changed));
  }
}

function impossible(what: "start" | "stop" | "restart", name: string, external: boolean): string {
  if (external) return `${name} is external: Pilot Light does not ${what} it.`;
  return what === "stop" ? `${name} is not running.` : `${name} is already starting or running.`;
}

export function messageOf(reason: unknown): string {
  const text = reason instanceof Error ? reason.message : String(reason);
  return sentence(text === "" ? "something went wrong (no details)." : text);
}
