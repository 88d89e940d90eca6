// Generated from the types of the core by `cargo xtask generate`. Change those instead.

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
 * Its profiles, if it has any: `default` first.
 */
profiles?: Array<ProfileView>, 
/**
 * The services, in the order of the stack file.
 */
services: Array<ServiceView>, 
/**
 * The findings, root causes first, each once. The diagnosis runs automatically when a service
 * fails, is unhealthy or blocked, or a check fails. Empty until it has finished, and again
 * after a change.
 */
findings: Array<Finding>, 
/**
 * The program that requested the start of the stack, if it gave its name: a coding agent does.
 */
started_by?: StartedBy, 
/**
 * The branch of its checkout, or the folder if no branch is checked out. Present if the daemon
 * knows other checkouts of the stack, or if this one has its own ports.
 */
checkout?: string, };

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
 * Its named ports.
 */
ports?: { [key in string]: Port }, 
/**
 * The time at which its phase began.
 */
since: string | null, 
/**
 * The container that runs it, now or in its latest run.
 */
container?: ContainerInfo, 
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
 * Whether it is a task, which runs to its end.
 */
task?: boolean, 
/**
 * When the task is due next, by its schedule.
 */
next_run?: string, 
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
 * Links by label.
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

export type ContainerInfo = { 
/**
 * Its identifier, 64 hexadecimal digits.
 */
id: string, 
/**
 * Its name.
 */
name: string, 
/**
 * The name of its image.
 */
image: string, 
/**
 * The address of its engine, as in `DOCKER_HOST`.
 */
engine: string, 
/**
 * Its published ports, ordered by the port inside.
 */
ports: Array<Published>, };

export type Published = { 
/**
 * The port inside the container.
 */
inside: Port, 
/**
 * The port on this machine.
 */
port: Port, };

export type ProfileView = { 
/**
 * Its name.
 */
name: string, 
/**
 * Whether the stack was started with it.
 */
chosen: boolean, };

export type StartedBy = { 
/**
 * Its name.
 */
client: string, 
/**
 * The time of the request.
 */
at: string, };

export type Finding = { 
/**
 * The code.
 */
code: string, 
/**
 * The service with the root cause.
 */
service: ServiceName, 
/**
 * A sentence.
 */
title: string, 
/**
 * The time since which it holds, if known. Texts have no ages: what shows the finding formats one.
 */
since?: string, 
/**
 * The evidence, for the user to verify.
 */
evidence: string[], 
/**
 * Symptoms that it explains.
 */
symptoms: Array<Symptom>, 
/**
 * The remedy.
 */
remedy: Remedy, };

export type Symptom = { 
/**
 * The affected service.
 */
service: ServiceName, 
/**
 * The affected check, if any.
 */
check: string | null, 
/**
 * The code that it would have as a root cause.
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
 * An action that carries it out, if that is safe.
 */
action: Action | null, };

export type LineChange = { 
/**
 * The first changed line, from 1. Added lines come before it.
 */
line: number, 
/**
 * The removed lines. Nothing is changed if the file no longer has them.
 */
old: Array<string>, 
/**
 * The added lines.
 */
new: Array<string>, };

export type Action = { "kind": "start", 
/**
 * The service.
 */
service: ServiceName, } | { "kind": "restart", 
/**
 * The service.
 */
service: ServiceName, } | { "kind": "stop", 
/**
 * The file of that stack, absolute.
 */
file: string, 
/**
 * The service.
 */
service: ServiceName, } | { "kind": "free-port", 
/**
 * The service.
 */
port: Port, } | { "kind": "install", 
/**
 * The service.
 */
service: ServiceName, 
/**
 * The program and its arguments: `["npm", "ci"]`.
 */
command: Array<string>, 
/**
 * Its working directory, absolute.
 */
directory: string, } | { "kind": "run", 
/**
 * The service.
 */
service: ServiceName, 
/**
 * The program and its arguments.
 */
command: Array<string>, 
/**
 * Its working directory, absolute.
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
 * The changes, from top to bottom.
 */
changes: Array<LineChange>, };

export type Outcome = "done" | { "failed": { 
/**
 * A sentence.
 */
message: string, 
/**
 * The known causes.
 */
findings: Array<Finding>, } } | { "refused": string } | { "overruled": string } | { "ending": { 
/**
 * Whether the request had an effect: `false` means that the next daemon may carry it out.
 */
taken: boolean, } };

export type Platform = "linux" | "macos" | "windows";

export type UsageSample = { 
/**
 * The time.
 */
at: string, 
/**
 * The running services.
 */
services: Array<ServiceUsage>, };

export type ServiceUsage = { 
/**
 * The stack file.
 */
file: string, 
/**
 * The service.
 */
service: ServiceName, 
/**
 * CPU usage in percent of one core.
 */
cpu_percent: number | null, 
/**
 * Memory of its whole process tree.
 */
memory_bytes: number | null, 
/**
 * The latency of its probe in milliseconds, if it is known.
 */
latency_ms?: number, };

export type KnownStack = { 
/**
 * Its stack file, absolute.
 */
file: string, 
/**
 * Its name; that of its folder if the file cannot be read.
 */
name: string, 
/**
 * Its folder, with `~` for the home folder.
 */
folder: string, 
/**
 * Whether it is started when the app starts with the desktop.
 */
start_at_login: boolean, 
/**
 * How its file has changed since it was applied.
 */
change: FileChange | null, 
/**
 * Whether it is the [example](crate::example).
 */
is_example?: boolean, };

export type FileChange = { "kind": "valid", 
/**
 * The services that are changed, new or gone.
 */
services: Array<ServiceName>, } | { "kind": "invalid", 
/**
 * The first error.
 */
message: string, 
/**
 * Its position, from 1.
 */
line: number | null, 
/**
 * Its position, from 1.
 */
column: number | null, 
/**
 * The line of the error.
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
 * Whether incidents are shown as desktop notifications.
 */
notifications: boolean, 
/**
 * The time until which notifications are muted, if they are.
 */
muted_until?: string, 
/**
 * What happens to the services when the app quits.
 */
on_quit: OnQuit, 
/**
 * The appearance of the window.
 */
theme: Theme, };

export type Update = { "kind": "whole", 
/**
 * The version of the app.
 */
version: string, 
/**
 * The platform.
 */
platform: Platform, 
/**
 * Every known stack, also those that were never started.
 */
snapshot: Snapshot, 
/**
 * Additional facts about them.
 */
stacks: Array<KnownStack>, 
/**
 * The settings.
 */
settings: Settings, 
/**
 * The usage of the last five minutes.
 */
usage: Array<UsageSample>, 
/**
 * Whether the desktop has a tray.
 */
tray: boolean, } | { "kind": "snapshot", 
/**
 * The complete snapshot.
 */
snapshot: Snapshot, } | { "kind": "usage", 
/**
 * The measurement.
 */
sample: UsageSample, } | { "kind": "stacks", 
/**
 * All of them.
 */
stacks: Array<KnownStack>, } | { "kind": "settings", 
/**
 * The settings.
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
 * The service, if any.
 */
service: ServiceName | null, } | { "kind": "dropped", 
/**
 * Its path.
 */
path: string, } | { "kind": "quit_asked" } | { "kind": "quitting", 
/**
 * The number of services that still run.
 */
stopping: number, };

export type LogLevel = "error" | "warning" | "info" | "debug" | "trace";

export type LogLine = { 
/**
 * The service.
 */
service: ServiceName, 
/**
 * The run.
 */
run: string, 
/**
 * The number of the line within the followed logs, from 1.
 */
number: number, 
/**
 * When it was written, if known.
 */
time: string | null, 
/**
 * The guessed level.
 */
level: LogLevel | null, 
/**
 * The line, with its terminal sequences.
 */
text: string, };

export type LogUpdate = { "kind": "lines", 
/**
 * The lines, in order.
 */
lines: Array<LogLine>, } | { "kind": "caught_up" } | { "kind": "failed", 
/**
 * The reason.
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
unreadable: string | null, 
/**
 * Its processes, parents before their children.
 */
processes: Array<ProcessDetails>, 
/**
 * The runs that have a log, newest first.
 */
runs: Array<RunDetails>, };

export type CheckDetails = { 
/**
 * Its name.
 */
name: string, 
/**
 * Its request or command, in words.
 */
request: string, };

export type CheckResult = { 
/**
 * The name of the check; none for a readiness probe.
 */
name: string | null, 
/**
 * The request or command, in words.
 */
request: string, 
/**
 * The status of the response.
 */
status: number | null, 
/**
 * The duration.
 */
took_ms: number, 
/**
 * Why it failed or was not run, in words; none if it passed.
 */
fault: string | null, 
/**
 * The beginning of the body of an unexpected response.
 */
body: string | null, };

export type ProcessDetails = { 
/**
 * Its PID.
 */
pid: number, 
/**
 * The PID of its parent, if that belongs to the service.
 */
parent: number | null, 
/**
 * Its command line, with secrets redacted.
 */
command: string, };

export type RunDetails = { 
/**
 * The run.
 */
run: RunId, 
/**
 * When it began, if the file system records that.
 */
started: string | null, 
/**
 * When it last wrote to its log.
 */
last_output: string | null, 
/**
 * The size of its log.
 */
bytes: number, };

export type EventKind = "started" | "restarted" | "reconnected" | "ready" | "unhealthy" | "exited" | "failed" | "blocked" | "completed" | "stopped" | "port_freed" | "file_changed" | "finding" | "resolved";

export type HistoryEvent = { 
/**
 * When it happened.
 */
time: string, 
/**
 * The name of the stack, with its checkout.
 */
stack: string, 
/**
 * The stack file.
 */
file: string, 
/**
 * The service; `None` if it concerns the whole stack.
 */
service?: ServiceName, 
/**
 * The kind of an event.
 */
event: EventKind, 
/**
 * The first process of the service.
 */
pid?: number, 
/**
 * Its port.
 */
port?: Port, 
/**
 * How the process exited.
 */
exit?: Exit, 
/**
 * The program that requested it, if it gave its name: a coding agent does.
 */
by?: string, 
/**
 * The code of the finding.
 */
code?: string, 
/**
 * The cause, as a sentence.
 */
message?: string, };

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
 * A description, for a question.
 */
text: string, 
/**
 * The diff of a stack file: lines that begin with a space, `-`, `+`, or `:` for a gap.
 */
diff: string | null, };

export type Draft = { 
/**
 * The path of the file.
 */
file: string, 
/**
 * Its text.
 */
text: string, 
/**
 * The sources of the draft.
 */
found: Array<Found>, 
/**
 * Whether the file exists already.
 */
exists: boolean, };

export type Found = { 
/**
 * A description.
 */
text: string, 
/**
 * The source file.
 */
source: string | null, 
/**
 * The name of the service that it is, if it can be left out of the draft.
 */
service: string | null, };

export type QuitChoice = "stop_all" | "leave_running" | "cancel";

export type Break = "store" | "address" | "port" | "cors" | "slow";

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
