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
 * In the order in which they were started first.
 */
stacks: Array<StackView>, };

export type StackView = { 
/**
 * Its name.
 */
name: string, 
/**
 * Its stack file, absolute: what tells it from others.
 */
file: string, 
/**
 * Its mode.
 */
mode: Mode, 
/**
 * The worst of its services.
 */
light: Light, 
/**
 * In the order of the stack file.
 */
services: Array<ServiceView>, 
/**
 * What is wrong, root causes first, each once: what the diagnosis found that begins by itself
 * when a service fails, is unhealthy or blocked, or a check fails. Empty until it has found
 * something, and again when anything has changed.
 */
findings: Array<Finding>, };

export type ServiceView = { 
/**
 * Its name.
 */
name: ServiceName, 
/**
 * Where it is.
 */
phase: PhaseName, 
/**
 * What a person sees of it.
 */
light: Light, 
/**
 * Its first process, while it runs.
 */
pid: number | null, 
/**
 * The port that it has, or is to have.
 */
port: Port | null, 
/**
 * Since when it is in its phase.
 */
since: string | null, 
/**
 * How often it was started again by itself since it was last asked for.
 */
restarts: number, 
/**
 * How long the latest round of probes took.
 */
latency_ms: number | null, 
/**
 * Of one core; filled where it is shown.
 */
cpu_percent: number | null, 
/**
 * Of its whole tree; filled where it is shown.
 */
memory_bytes: number | null, 
/**
 * The needs that it waits for.
 */
waiting_for: Array<ServiceName>, 
/**
 * How its latest run ended.
 */
last_exit: Exit | null, 
/**
 * Whether an earlier keeper started what runs now.
 */
adopted: boolean, 
/**
 * Whether it is only watched.
 */
external: boolean, 
/**
 * The present or latest run: the name of its log.
 */
run: RunId | null, 
/**
 * When the present run began, or the latest one.
 */
started: string | null, 
/**
 * What it needs.
 */
needs: Array<ServiceName>, 
/**
 * Addresses to open, by label.
 */
links: Record<string, string>, 
/**
 * Why it is red, where that is known: once it has been diagnosed, the root cause, which may be
 * another service's.
 */
finding: Finding | null, 
/**
 * What was done that a person would want to know: whom a port was taken from.
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
