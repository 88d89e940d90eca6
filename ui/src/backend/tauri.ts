import { Channel, invoke } from "@tauri-apps/api/core";

import type { Backend } from "./backend";
import type {
  CheckResult,
  Draft,
  Finding,
  HistoryEvent,
  LogUpdate,
  Outcome,
  Preview,
  ServiceDetails,
  Update,
} from "./wire";

async function call<T>(command: string, given: Record<string, unknown> = {}): Promise<T> {
  try {
    return await invoke<T>(command, given);
  } catch (reason) {
    throw reason instanceof Error ? reason : new Error(String(reason));
  }
}

function channel<T>(receive: (message: T) => void): Channel<T> {
  const made = new Channel<T>();
  made.onmessage = receive;
  return made;
}

/** The host is the application that this webview is in. */
export const tauri: Backend = {
  desktop: true,

  subscribe: (receive) => call("subscribe", { updates: channel<Update>(receive) }),

  start: (file, services) => call<Outcome>("start", { file, services }),
  stop: (file, services) => call<Outcome>("stop", { file, services }),
  restart: (file, services) => call<Outcome>("restart", { file, services }),

  doctor: (file) => call<Finding[]>("doctor", { file }),
  previewRemedy: (file, action) => call<Preview>("preview_remedy", { file, action }),
  carryOut: (file, action) => call<Outcome>("carry_out", { file, action }),

  describe: (file, service) => call<ServiceDetails>("describe", { file, service }),
  runChecks: (file, service) => call<CheckResult[]>("run_checks", { file, service }),
  reveal: (file, service, variable) => call<string>("reveal", { file, service, variable }),
  events: (file, since) => call<HistoryEvent[]>("events", { file, since }),
  probePaths: (file) => call<Record<string, string[]>>("probe_paths", { file }),

  followLog: (file, services, receive) =>
    call<number>("follow_log", { file, services, lines: channel<LogUpdate>(receive) }),
  unfollowLog: (id) => call("unfollow_log", { id }),

  openLink: (file, service, label) => call("open_link", { file, service, label }),
  openLogFile: (file, service) => call("open_log_file", { file, service }),
  openOwnLog: () => call("open_own_log"),
  openStackFile: (file) => call("open_stack_file", { file }),
  openFolder: (file, service) => call("open_folder", { file, service }),
  saveText: (name, text) => call<boolean>("save_text", { name, text }),

  pickStack: () => call<string | null>("pick_stack"),
  pickFolder: () => call<string | null>("pick_folder"),
  addStack: (path) => call<Outcome>("add_stack", { path }),
  removeStack: (file) => call<Outcome>("remove_stack", { file }),
  tryExample: () => call<Outcome>("try_example"),
  lookAtFolder: (path) => call<Draft>("look_at_folder", { path }),
  writeDraft: (file, text) => call<Outcome>("write_draft", { file, text }),
  applyChange: (file) => call<Outcome>("apply_change", { file }),

  setSettings: (settings) => call<Outcome>("set_settings", { settings }),
  setStartAtLogin: (file, on) => call<Outcome>("set_start_at_login", { file, on }),
  answerQuit: (choice) => call("answer_quit", { choice }),
};
