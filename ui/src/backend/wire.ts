// Made from the types of the core by `cargo xtask generate`. Changes belong there.

export type ServiceName = string;

export type Port = number;

export type Mode = "development" | "production";

export type RunId = number;

export type Exit = { "code": number } | { "signal": number } | "unknown";

export type Light = "off" | "green" | "amber" | "red";

export type PhaseName = "stopped" | "claiming" | "starting" | "ready" | "unhealthy" | "stopping" | "backoff" | "blocked" | "failed";

export type Snapshot = { 
/**
 * The stacks, in the order in which they were first started.
 */
stacks: Array<StackView>, };

export type StackView = { 
/**
 * Its name.
 */
name: string, 
/**
 * The absolute path of its stack file, which identifies the stack.
 */
file: string, 
/**
 * Its mode.
 */
mode: Mode, 
/**
 * The worst light of its services.
 */
light: Light, 
/**
 * In the order of the stack file.
 */
services: Array<ServiceView>, 
/**
 * The findings, root causes first, each once. The diagnosis runs by itself when a service fails,
 * is unhealthy or blocked, or a check fails. Empty until it has finished, and again after a change.
 */
findings: Array<Finding>, };

export type ServiceView = { 
/**
 * Its name.
 */
name: ServiceName, 
/**
 * Its phase.
 */
phase: PhaseName, 
/**
 * Its status light.
 */
light: Light, 
/**
 * The PID of its first process, while it is running.
 */
pid: number | null, 
/**
 * Its port, or the port that it will use.
 */
port: Port | null, 
/**
 * The time at which its phase began.
 */
since: string | null, 
/**
 * The number of automatic restarts since the last request.
 */
restarts: number, 
/**
 * The duration of the latest round of probes.
 */
latency_ms: number | null, 
/**
 * CPU use in percent of one core; only filled on request.
 */
cpu_percent: number | null, 
/**
 * Memory of its process tree; only filled on request.
 */
memory_bytes: number | null, 
/**
 * The dependencies that it is waiting for.
 */
waiting_for: Array<ServiceName>, 
/**
 * The exit of its latest run.
 */
last_exit: Exit | null, 
/**
 * Whether an earlier daemon started the current run.
 */
adopted: boolean, 
/**
 * Whether it is only monitored.
 */
external: boolean, 
/**
 * The current or latest run, which names its log.
 */
run: RunId | null, 
/**
 * The time at which the current or latest run began.
 */
started: string | null, 
/**
 * Its dependencies.
 */
needs: Array<ServiceName>, 
/**
 * Addresses to open, by label.
 */
links: Record<string, string>, 
/**
 * Why it is red, if known. After the diagnosis, the root cause, which may be in another service.
 */
finding: Finding | null, 
/**
 * An action that the user should know of, such as the process that was stopped to free its port.
 */
note: string | null, };

export type Finding = { 
/**
 * What it is.
 */
code: string, 
/**
 * Where it is.
 */
service: ServiceName, 
/**
 * A sentence.
 */
title: string, 
/**
 * What a person can check.
 */
evidence: string[], 
/**
 * What else it explains.
 */
symptoms: Array<Symptom>, 
/**
 * What to do.
 */
remedy: Remedy, };

export type Symptom = { 
/**
 * Where it shows.
 */
service: ServiceName, 
/**
 * In which check, if in one.
 */
check: string | null, 
/**
 * What it would be, were it a cause.
 */
code: string, 
/**
 * A sentence.
 */
text: string, };

export type Remedy = { 
/**
 * A sentence.
 */
text: string, 
/**
 * The same as something that a program can carry out, where that is safe.
 */
action: Action | null, };

export type LineChange = { 
/**
 * The first line that changes, from 1. What is only added comes before this line.
 */
line: number, 
/**
 * The lines that go, as they stood: nothing is changed if they no longer do.
 */
old: Array<string>, 
/**
 * The lines that come.
 */
new: Array<string>, };

export type Action = { "kind": "start", 
/**
 * Which.
 */
service: ServiceName, } | { "kind": "restart", 
/**
 * Which.
 */
service: ServiceName, } | { "kind": "stop", 
/**
 * That stack's file; absolute.
 */
file: string, 
/**
 * Which.
 */
service: ServiceName, } | { "kind": "free-port", 
/**
 * Which.
 */
port: Port, } | { "kind": "install", 
/**
 * For which service.
 */
service: ServiceName, 
/**
 * The program and its arguments: `["npm", "ci"]`.
 */
command: Array<string>, 
/**
 * Where it runs; absolute.
 */
directory: string, } | { "kind": "copy-file", 
/**
 * The example; absolute.
 */
from: string, 
/**
 * The file that is missing; absolute.
 */
to: string, } | { "kind": "edit-stack-file", 
/**
 * The stack file; absolute.
 */
file: string, 
/**
 * From the top to the bottom.
 */
changes: Array<LineChange>, };

export type Outcome = "done" | { "failed": { 
/**
 * A sentence.
 */
message: string, 
/**
 * Why, as far as there is evidence.
 */
findings: Array<Finding>, } } | { "refused": string } | { "overruled": string } | { "ending": { 
/**
 * Whether the request had an effect: `false` means that the next daemon may carry it out.
 */
taken: boolean, } };

export type Platform = "linux" | "macos" | "windows";

export type UsageSample = { 
/**
 * When.
 */
at: string, 
/**
 * Those that run.
 */
services: Array<ServiceUsage>, };

export type ServiceUsage = { 
/**
 * The stack file.
 */
file: string, 
/**
 * Which.
 */
service: ServiceName, 
/**
 * Of one core.
 */
cpu_percent: number | null, 
/**
 * Of its whole tree.
 */
memory_bytes: number | null, };

export type KnownStack = { 
/**
 * Its stack file, absolute.
 */
file: string, 
/**
 * Its name; that of its folder where the file cannot be read.
 */
name: string, 
/**
 * Its folder, as a person would write it.
 */
folder: string, 
/**
 * Whether it is started when the app starts with the desktop.
 */
start_at_login: boolean, 
/**
 * What has become of its file since it was applied.
 */
change: FileChange | null, };

export type FileChange = { "kind": "valid", 
/**
 * The services that are changed, new or gone.
 */
services: Array<ServiceName>, } | { "kind": "invalid", 
/**
 * What is wrong first.
 */
message: string, 
/**
 * Where, from 1.
 */
line: number | null, 
/**
 * Where, from 1.
 */
column: number | null, 
/**
 * The line itself.
 */
excerpt: string | null, } | { "kind": "missing" };

export type OnQuit = "ask" | "stop_all" | "leave_running";

export type Theme = "system" | "light" | "dark";

export type Settings = { 
/**
 * Whether the app starts with the desktop.
 */
start_at_login: boolean, 
/**
 * Whether incidents are told by notifications of the desktop.
 */
notifications: boolean, 
/**
 * What becomes of the services when the app is quit.
 */
on_quit: OnQuit, 
/**
 * How the window looks.
 */
theme: Theme, };

export type Update = { "kind": "whole", 
/**
 * Of the app.
 */
version: string, 
/**
 * Where it runs.
 */
platform: Platform, 
/**
 * Every known stack, also those that were never started.
 */
snapshot: Snapshot, 
/**
 * What is known of them besides.
 */
stacks: Array<KnownStack>, 
/**
 * What was chosen.
 */
settings: Settings, 
/**
 * Of the last five minutes at most.
 */
usage: Array<UsageSample>, 
/**
 * Whether there is a tray for the icon.
 */
tray: boolean, } | { "kind": "snapshot", 
/**
 * The whole of it.
 */
snapshot: Snapshot, } | { "kind": "usage", 
/**
 * What was measured.
 */
sample: UsageSample, } | { "kind": "stacks", 
/**
 * All of them.
 */
stacks: Array<KnownStack>, } | { "kind": "settings", 
/**
 * All that is chosen.
 */
settings: Settings, } | { "kind": "tray", 
/**
 * Whether there is one.
 */
tray: boolean, } | { "kind": "remark", 
/**
 * A sentence.
 */
text: string, } | { "kind": "show", 
/**
 * The stack file.
 */
file: string, 
/**
 * Which service, if one.
 */
service: ServiceName | null, } | { "kind": "quit_asked" } | { "kind": "quitting", 
/**
 * How many are still there.
 */
stopping: number, };

export type LogLevel = "error" | "warning" | "info" | "debug" | "trace";

export type LogLine = { 
/**
 * Who wrote it.
 */
service: ServiceName, 
/**
 * In which run.
 */
run: string, 
/**
 * Counts the lines of what is followed, from 1.
 */
number: number, 
/**
 * When, if that is known.
 */
time: string | null, 
/**
 * How grave it is, as far as that can be guessed.
 */
level: LogLevel | null, 
/**
 * The line, with its terminal sequences.
 */
text: string, };

export type LogUpdate = { "kind": "lines", 
/**
 * In their order.
 */
lines: Array<LogLine>, } | { "kind": "caught_up" } | { "kind": "failed", 
/**
 * Why.
 */
message: string, };

export type ServiceDetails = { 
/**
 * The command line; none for an external service.
 */
command: string | null, 
/**
 * The working directory.
 */
folder: string, 
/**
 * The readiness probes, in words.
 */
probes: Array<string>, 
/**
 * The checks.
 */
checks: Array<CheckDetails>, 
/**
 * The variables that the stack file and the env files set.
 */
variables: Array<Variable>, 
/**
 * A sentence, if the variables cannot be read.
 */
unreadable: string | null, };

export type CheckDetails = { 
/**
 * Its name.
 */
name: string, 
/**
 * Its request or command, in words.
 */
request: string, };

export type Variable = { 
/**
 * Its name.
 */
name: string, 
/**
 * Its value; `***` for a secret.
 */
value: string, 
/**
 * The name of the env file that sets it; none for `env` in the stack file.
 */
source: string | null, };

export type Preview = { 
/**
 * In words that make a question.
 */
text: string, 
/**
 * The change of a stack file: lines that begin with a space, `-`, `+`, or `:` for a gap.
 */
diff: string | null, };

export type Draft = { 
/**
 * Where it would be written.
 */
file: string, 
/**
 * What would stand in it.
 */
text: string, 
/**
 * What it was made from.
 */
found: Array<Found>, 
/**
 * Whether there is a file in its place.
 */
exists: boolean, };

export type Found = { 
/**
 * What.
 */
text: string, 
/**
 * In which file.
 */
source: string | null, };

export type QuitChoice = "stop_all" | "leave_running" | "cancel";

/** The words for the state of a service. */
export const STATE_WORDS: Record<PhaseName, Record<Light, string>> = {
  "backoff": {
    "amber": "restarting",
    "green": "restarting",
    "off": "restarting",
    "red": "restarting"
  },
  "blocked": {
    "amber": "blocked",
    "green": "blocked",
    "off": "blocked",
    "red": "blocked"
  },
  "claiming": {
    "amber": "waiting for port",
    "green": "waiting for port",
    "off": "waiting for port",
    "red": "waiting for port"
  },
  "failed": {
    "amber": "failed",
    "green": "failed",
    "off": "failed",
    "red": "failed"
  },
  "ready": {
    "amber": "check failing",
    "green": "ready",
    "off": "ready",
    "red": "ready"
  },
  "starting": {
    "amber": "starting",
    "green": "starting",
    "off": "starting",
    "red": "starting"
  },
  "stopped": {
    "amber": "queued",
    "green": "completed",
    "off": "stopped",
    "red": "not running"
  },
  "stopping": {
    "amber": "stopping",
    "green": "stopping",
    "off": "stopping",
    "red": "stopping"
  },
  "unhealthy": {
    "amber": "unhealthy",
    "green": "unhealthy",
    "off": "unhealthy",
    "red": "unhealthy"
  }
};

/** The words before the services that a service waits for. */
export const WAITING_FOR = "waiting for";

/** The names of signals, by number. */
export const SIGNALS: Record<number, string> = {
  "1": "SIGHUP",
  "11": "SIGSEGV",
  "13": "SIGPIPE",
  "15": "SIGTERM",
  "2": "SIGINT",
  "3": "SIGQUIT",
  "4": "SIGILL",
  "5": "SIGTRAP",
  "6": "SIGABRT",
  "8": "SIGFPE",
  "9": "SIGKILL"
};
