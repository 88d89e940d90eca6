// What goes between the window and its host, as `src-tauri/core` has it.

export type Light = "off" | "green" | "amber" | "red";

export type PhaseName =
  | "stopped"
  | "claiming"
  | "starting"
  | "ready"
  | "unhealthy"
  | "stopping"
  | "backoff"
  | "blocked"
  | "failed";

export type Mode = "development" | "production";

export type Exit = { code: number } | { signal: number } | "unknown";

export interface Snapshot {
  stacks: StackView[];
}

export interface StackView {
  name: string;
  file: string;
  mode: Mode;
  light: Light;
  services: ServiceView[];
  findings: Finding[];
}

export interface ServiceView {
  name: string;
  phase: PhaseName;
  light: Light;
  pid: number | null;
  port: number | null;
  since: string | null;
  restarts: number;
  latency_ms: number | null;
  cpu_percent: number | null;
  memory_bytes: number | null;
  waiting_for: string[];
  last_exit: Exit | null;
  adopted: boolean;
  external: boolean;
  run: number | null;
  started: string | null;
  needs: string[];
  links: Record<string, string>;
  finding: Finding | null;
  note: string | null;
}

export interface Finding {
  code: string;
  service: string;
  title: string;
  evidence: string[];
  symptoms: Symptom[];
  remedy: Remedy;
}

export interface Symptom {
  service: string;
  check: string | null;
  code: string;
  text: string;
}

export interface Remedy {
  text: string;
  action: Action | null;
}

export interface LineChange {
  line: number;
  old: string[];
  new: string[];
}

export type Action =
  | { kind: "start"; service: string }
  | { kind: "restart"; service: string }
  | { kind: "free-port"; port: number }
  | { kind: "install"; service: string; command: string[]; directory: string }
  | { kind: "copy-file"; from: string; to: string }
  | { kind: "edit-stack-file"; file: string; changes: LineChange[] };

export type Update =
  | {
      kind: "whole";
      version: string;
      platform: Platform;
      snapshot: Snapshot;
      stacks: KnownStack[];
      settings: Settings;
      usage: UsageSample[];
      tray: boolean;
    }
  | { kind: "snapshot"; snapshot: Snapshot }
  | { kind: "usage"; sample: UsageSample }
  | { kind: "stacks"; stacks: KnownStack[] }
  | { kind: "settings"; settings: Settings }
  | { kind: "tray"; tray: boolean }
  | { kind: "remark"; text: string }
  | { kind: "show"; file: string; service: string | null }
  | { kind: "quit_asked" }
  | { kind: "quitting"; stopping: number };

export type Platform = "linux" | "macos" | "windows";

export interface UsageSample {
  at: string;
  services: ServiceUsage[];
}

export interface ServiceUsage {
  file: string;
  service: string;
  cpu_percent: number | null;
  memory_bytes: number | null;
}

export interface KnownStack {
  file: string;
  name: string;
  folder: string;
  start_at_login: boolean;
  change: FileChange | null;
}

export type FileChange =
  | { kind: "valid"; services: string[] }
  | {
      kind: "invalid";
      message: string;
      line: number | null;
      column: number | null;
      excerpt: string | null;
    }
  | { kind: "missing" };

export interface Settings {
  start_at_login: boolean;
  notifications: boolean;
  on_quit: OnQuit;
  theme: Theme;
}

export type OnQuit = "ask" | "stop_all" | "leave_running";

export type Theme = "system" | "light" | "dark";

export interface LogLine {
  service: string;
  run: string;
  number: number;
  time: string | null;
  level: LogLevel | null;
  text: string;
}

export type LogLevel = "error" | "warning" | "info" | "debug" | "trace";

export type LogUpdate =
  { kind: "lines"; lines: LogLine[] } | { kind: "caught_up" } | { kind: "failed"; message: string };

export type Outcome =
  "done" | { failed: { message: string; findings: Finding[] } } | { refused: string };

export interface Preview {
  text: string;
  diff: string | null;
}

export interface Draft {
  file: string;
  text: string;
  found: { text: string; source: string | null }[];
  exists: boolean;
}

export type QuitChoice = "stop_all" | "leave_running" | "cancel";
