import { Channel, invoke } from "@tauri-apps/api/core";

import type { Backend } from "./backend";
import { calls, openings } from "./calls";
import type { Draft, LogUpdate, Outcome, Update } from "./wire";

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

  ...calls((name, given) => call("call", { call: { call: name, given } })),
  ...openings((name, given) => call("open", { opening: { call: name, given } })),

  followLog: (file, services, receive) =>
    call<number>("follow_log", { file, services, lines: channel<LogUpdate>(receive) }),
  unfollowLog: (id) => call("unfollow_log", { id }),

  saveText: (name, text) => call<boolean>("save_text", { name, text }),

  pickStack: () => call<string | null>("pick_stack"),
  pickFolder: () => call<string | null>("pick_folder"),
  addStack: (path) => call<Outcome>("add_stack", { path }),
  lookAtFolder: (path, running, without) =>
    call<Draft>("look_at_folder", { path, running, without }),
  writeDraft: (file, text) => call<Outcome>("write_draft", { file, text }),

  setSettings: (settings) => call<Outcome>("set_settings", { settings }),
  setStartAtLogin: (file, on) => call<Outcome>("set_start_at_login", { file, on }),
  answerQuit: (choice) => call("answer_quit", { choice }),
};
