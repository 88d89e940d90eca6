import type {
  Action,
  Break,
  CheckResult,
  Draft,
  Finding,
  HistoryEvent,
  LogUpdate,
  Outcome,
  Preview,
  QuitChoice,
  ServiceDetails,
  Settings,
  Update,
  UsageSample,
} from "./wire";

/**
 * The only interface between the window and its host. A promise is rejected with an `Error` (a sentence)
 * if the request cannot be carried out at all; a request that fails has an `Outcome`. A stack is
 * identified by its stack file.
 */
export interface Backend {
  /** Whether the host is on this desktop: it opens files, asks for folders and starts at login. */
  readonly desktop: boolean;

  /** Everything now, then every change. Resolves once the host has agreed. `lost` is called with the
   * reason if the connection ends. */
  subscribe(receive: (update: Update) => void, lost: (why: string) => void): Promise<void>;

  /** No services means all of the stack. Resolves when the goal is reached or out of reach. */
  start(file: string, services: string[]): Promise<Outcome>;
  stop(file: string, services: string[]): Promise<Outcome>;
  restart(file: string, services: string[]): Promise<Outcome>;

  doctor(file: string): Promise<Finding[]>;
  previewRemedy(file: string, action: Action): Promise<Preview>;
  carryOut(file: string, action: Action): Promise<Outcome>;

  /** The details of a service that are not in the snapshot. */
  describe(file: string, service: string): Promise<ServiceDetails>;
  /** Runs every probe and check of a service now. */
  runChecks(file: string, service: string): Promise<CheckResult[]>;
  /** The value of a variable, even of a secret. */
  reveal(file: string, service: string, variable: string): Promise<string>;
  /** What happened to a stack since a time, oldest first. */
  events(file: string, since: string): Promise<HistoryEvent[]>;
  /** The usage of a service in the last hour, every 30 seconds, as far as a page was open. */
  usageOf(file: string, service: string): Promise<UsageSample[]>;
  /** A report of a stack as Markdown, without secrets. */
  share(file: string): Promise<string>;
  /** The paths that the HTTP probes of each service request. */
  probePaths(file: string): Promise<Record<string, string[]>>;

  /** No services means all. Resolves to the number for `unfollowLog`. */
  followLog(
    file: string,
    services: string[],
    receive: (update: LogUpdate) => void,
  ): Promise<number>;
  unfollowLog(id: number): Promise<void>;

  /** Opens the address of a label, or of the port without one, in the system's browser. */
  openLink(file: string, service: string, label: string | null): Promise<void>;
  openLogFile(file: string, service: string): Promise<void>;
  openOwnLog(): Promise<void>;
  openStackFile(file: string): Promise<void>;
  /** Opens the working directory of a service. */
  openFolder(file: string, service: string): Promise<void>;
  /** Saves a text where the user chooses. Resolves to false if they cancel. */
  saveText(name: string, text: string): Promise<boolean>;

  /** The path that was chosen in the system's dialogue, or null if none was. */
  pickStack(): Promise<string | null>;
  pickFolder(): Promise<string | null>;
  addStack(path: string): Promise<Outcome>;
  removeStack(file: string): Promise<Outcome>;
  /** Writes the example, unless it exists, and adds it. Resolves to its stack file. */
  tryExample(): Promise<string>;
  /** Resolves to a sentence about what was done. */
  breakExample(file: string, how: Break): Promise<string>;
  /** Undoes everything that was broken. */
  repairExample(file: string): Promise<Outcome>;
  /** Drafts a stack file from a project or, with `running`, from its processes, without some services. */
  lookAtFolder(path: string, running: boolean, without: string[]): Promise<Draft>;
  writeDraft(file: string, text: string): Promise<Outcome>;
  applyChange(file: string): Promise<Outcome>;

  setSettings(settings: Settings): Promise<Outcome>;
  setStartAtLogin(file: string, on: boolean): Promise<Outcome>;
  answerQuit(choice: QuitChoice): Promise<void>;
}
