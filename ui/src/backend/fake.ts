import type { Backend } from "./backend";
import type {
  CheckResult,
  Draft,
  Finding,
  HistoryEvent,
  LogLine,
  LogUpdate,
  Outcome,
  Preview,
  ServiceDetails,
  Update,
  UsageSample,
} from "./wire";

type Method = Exclude<keyof Backend, "desktop">;

/** The calls of a fake, in order: the method and its arguments. */
export interface Asked {
  what: Method;
  given: unknown[];
}

interface Follower {
  services: string[];
  receive: (update: LogUpdate) => void;
}

/**
 * A fake host: it sends the updates of a test and records the calls. Answers can be set by method;
 * without one, every request succeeds and nothing is found.
 */
export class FakeBackend implements Backend {
  desktop = true;
  readonly asked: Asked[] = [];
  /** Lines that a follower gets at once, as the existing log. */
  log: LogLine[] = [];
  private readonly answers = new Map<Method, (...given: never[]) => unknown>();
  private readonly receivers: ((update: Update) => void)[] = [];
  private readonly losers: ((why: string) => void)[] = [];
  private readonly followers = new Map<number, Follower>();
  private readonly first: Update[];
  private nextFollower = 1;

  /** The first update must be `whole`. */
  constructor(first: Update[]) {
    this.first = first;
  }

  /** Sets the function that answers a method from now on. An error that it throws is a rejection. */
  answer<K extends Method>(
    what: K,
    how: (
      ...given: Parameters<Backend[K]>
    ) => Awaited<ReturnType<Backend[K]>> | ReturnType<Backend[K]>,
  ): void {
    this.answers.set(what, how);
  }

  /** Sends an update to all subscribers. */
  say(update: Update): void {
    for (const receive of this.receivers) receive(update);
  }

  /** Breaks the connection. */
  lose(why: string): void {
    for (const lost of this.losers) lost(why);
  }

  /** Sends lines to the followers of their services' logs. */
  write(lines: LogLine[]): void {
    this.log.push(...lines);
    for (const { services, receive } of this.followers.values()) {
      send(lines, services, receive);
    }
  }

  /** The number of followed logs. */
  get following(): number {
    return this.followers.size;
  }

  private async ask<T>(what: Method, given: unknown[], otherwise: T): Promise<T> {
    this.asked.push({ what, given });
    const how = this.answers.get(what) as ((...given: unknown[]) => T | Promise<T>) | undefined;
    return how === undefined ? otherwise : how(...given);
  }

  async subscribe(
    receive: (update: Update) => void,
    lost: (why: string) => void,
  ): Promise<void> {
    await this.ask("subscribe", [], undefined);
    this.receivers.push(receive);
    this.losers.push(lost);
    for (const update of this.first) receive(update);
  }

  start = (file: string, services: string[]) =>
    this.ask<Outcome>("start", [file, services], "done");
  stop = (file: string, services: string[]) => this.ask<Outcome>("stop", [file, services], "done");
  restart = (file: string, services: string[]) =>
    this.ask<Outcome>("restart", [file, services], "done");

  doctor = (file: string) => this.ask<Finding[]>("doctor", [file], []);
  previewRemedy: Backend["previewRemedy"] = (file, action) =>
    this.ask<Preview>("previewRemedy", [file, action], { text: "", diff: null });
  carryOut: Backend["carryOut"] = (file, action) =>
    this.ask<Outcome>("carryOut", [file, action], "done");

  describe: Backend["describe"] = (file, service) =>
    this.ask<ServiceDetails>("describe", [file, service], {
      command: null,
      folder: file.replace(/\/[^/]*$/, ""),
      probes: [],
      checks: [],
      variables: [],
      unreadable: null,
      processes: [],
      runs: [],
    });
  runChecks: Backend["runChecks"] = (file, service) =>
    this.ask<CheckResult[]>("runChecks", [file, service], []);
  reveal: Backend["reveal"] = (file, service, variable) =>
    this.ask<string>("reveal", [file, service, variable], "");
  events: Backend["events"] = (file, since) =>
    this.ask<HistoryEvent[]>("events", [file, since], []);
  usageOf: Backend["usageOf"] = (file, service) =>
    this.ask<UsageSample[]>("usageOf", [file, service], []);
  share = (file: string) => this.ask<string>("share", [file], "");
  probePaths: Backend["probePaths"] = (file) =>
    this.ask<Record<string, string[]>>("probePaths", [file], {});

  followLog: Backend["followLog"] = async (file, services, receive) => {
    const id = this.nextFollower++;
    await this.ask<unknown>("followLog", [file, services], undefined);
    this.followers.set(id, { services, receive });
    // Later, as a channel does.
    queueMicrotask(() => {
      if (!this.followers.has(id)) return;
      send(this.log, services, receive);
      receive({ kind: "caught_up" });
    });
    return id;
  };
  unfollowLog: Backend["unfollowLog"] = async (id) => {
    await this.ask("unfollowLog", [id], undefined);
    this.followers.delete(id);
  };

  openLink: Backend["openLink"] = (file, service, label) =>
    this.ask("openLink", [file, service, label], undefined);
  openLogFile: Backend["openLogFile"] = (file, service) =>
    this.ask("openLogFile", [file, service], undefined);
  openOwnLog = () => this.ask("openOwnLog", [], undefined);
  openStackFile = (file: string) => this.ask("openStackFile", [file], undefined);
  openFolder: Backend["openFolder"] = (file, service) =>
    this.ask("openFolder", [file, service], undefined);
  saveText: Backend["saveText"] = (name, text) =>
    this.ask<boolean>("saveText", [name, text], true);

  pickStack = () => this.ask<string | null>("pickStack", [], null);
  pickFolder = () => this.ask<string | null>("pickFolder", [], null);
  addStack = (path: string) => this.ask<Outcome>("addStack", [path], "done");
  removeStack = (file: string) => this.ask<Outcome>("removeStack", [file], "done");
  tryExample = () => this.ask<string>("tryExample", [], "");
  breakExample: Backend["breakExample"] = (file, how) =>
    this.ask<string>("breakExample", [file, how], "");
  repairExample = (file: string) => this.ask<Outcome>("repairExample", [file], "done");
  lookAtFolder: Backend["lookAtFolder"] = (path, running, without) =>
    this.ask<Draft>("lookAtFolder", [path, running, without], {
      file: `${path}/pilotlight.toml`,
      text: "",
      found: [],
      exists: false,
    });
  writeDraft = (file: string, text: string) =>
    this.ask<Outcome>("writeDraft", [file, text], "done");
  applyChange = (file: string) => this.ask<Outcome>("applyChange", [file], "done");

  setSettings: Backend["setSettings"] = (settings) =>
    this.ask<Outcome>("setSettings", [settings], "done");
  setStartAtLogin: Backend["setStartAtLogin"] = (file, on) =>
    this.ask<Outcome>("setStartAtLogin", [file, on], "done");
  answerQuit: Backend["answerQuit"] = (choice) => this.ask("answerQuit", [choice], undefined);
}

function send(lines: LogLine[], services: string[], receive: (update: LogUpdate) => void): void {
  const chosen =
    services.length === 0 ? lines : lines.filter((line) => services.includes(line.service));
  for (let from = 0; from < chosen.length; from += 500) {
    receive({ kind: "lines", lines: chosen.slice(from, from + 500) });
  }
}
