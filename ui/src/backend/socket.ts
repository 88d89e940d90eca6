/**
 * The host is `pilotlight ui`: the same calls over a WebSocket, with the numbers of requests and channels
 * that `src-tauri/cli/src/ui` gives them.
 */
import type { Backend } from "./backend";
import { calls, openings } from "./calls";
import type { LogUpdate, Outcome, Update } from "./wire";

const CLOSED = "`pilotlight ui` has ended, or its connection was interrupted.";
const NO_DESKTOP = "A browser cannot choose folders. Run `pilotlight init` in the folder instead.";

interface Answer {
  resolve: (result: unknown) => void;
  reject: (error: Error) => void;
}

type Message =
  | { id: number; result: unknown }
  | { id: number; error: string }
  | { channel: number; message: unknown }
  | { remark: string };

class Connection {
  readonly #socket: WebSocket;
  readonly #answers = new Map<number, Answer>();
  readonly #channels = new Map<number, (message: never) => void>();
  #last = 0;
  remark: (text: string) => void = () => {};

  private constructor(socket: WebSocket, lost: () => void) {
    this.#socket = socket;
    socket.onmessage = ({ data }) => this.#take(JSON.parse(String(data)) as Message);
    socket.onclose = () => {
      for (const { reject } of this.#answers.values()) reject(new Error(CLOSED));
      this.#answers.clear();
      lost();
    };
  }

  static open(lost: () => void): Promise<Connection> {
    const socket = new WebSocket(`ws://${location.host}/socket`);
    return new Promise((resolve, reject) => {
      socket.onopen = () => resolve(new Connection(socket, lost));
      socket.onclose = () => reject(new Error(CLOSED));
    });
  }

  #take(message: Message): void {
    if ("channel" in message) this.#channels.get(message.channel)?.(message.message as never);
    else if ("remark" in message) this.remark(message.remark);
    else {
      const answer = this.#answers.get(message.id);
      this.#answers.delete(message.id);
      if ("error" in message) answer?.reject(new Error(message.error));
      else answer?.resolve(message.result);
    }
  }

  call<T>(call: string, given: object, receive?: (message: never) => void): Promise<T> {
    const id = ++this.#last;
    if (receive !== undefined) this.#channels.set(id, receive);
    return new Promise((resolve, reject) => {
      if (this.#socket.readyState !== WebSocket.OPEN) {
        reject(new Error(CLOSED));
        return;
      }
      this.#answers.set(id, { resolve: (result) => resolve(result as T), reject });
      this.#socket.send(JSON.stringify({ id, call, given }));
    });
  }

  /** Forgets the channel of a call. */
  close(id: number): void {
    this.#channels.delete(id);
  }
}

/** Exchanges the token of the link for the cookie of the session, and takes it out of the address. */
async function enter(): Promise<void> {
  const token = location.hash.slice(1);
  if (token === "") return;
  history.replaceState(null, "", location.pathname);
  const answer = await fetch("/session", { method: "POST", body: token });
  if (!answer.ok) throw new Error(await answer.text());
}

let connection: Connection | null = null;

function call<T>(name: string, given: object, receive?: (message: never) => void): Promise<T> {
  return connection === null
    ? Promise.reject(new Error(CLOSED))
    : connection.call<T>(name, given, receive);
}

const withoutDesktop = () => Promise.reject(new Error(NO_DESKTOP));

export const socket: Backend = {
  desktop: false,

  async subscribe(receive: (update: Update) => void, lost) {
    await enter();
    const opened = await Connection.open(() => {
      if (connection === opened) lost(CLOSED);
    });
    opened.remark = (text) => receive({ kind: "remark", text });
    connection = opened;
    await opened.call("subscribe", {}, receive);
  },

  ...calls(call),
  ...openings(call),

  followLog: (file, services, receive: (update: LogUpdate) => void) =>
    call<number>("follow_log", { file, services }, receive),
  unfollowLog: (id) => {
    connection?.close(id);
    return call("unfollow_log", { id });
  },

  async openLink(file, service, label) {
    const address = await call<string>("open_link", { file, service, label });
    window.open(address, "_blank", "noopener");
  },
  saveText(name, text) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
    link.download = name;
    link.click();
    URL.revokeObjectURL(link.href);
    return Promise.resolve(true);
  },

  pickStack: withoutDesktop,
  pickFolder: withoutDesktop,
  addStack: withoutDesktop,
  lookAtFolder: withoutDesktop,
  writeDraft: withoutDesktop,

  setSettings: (settings) => call<Outcome>("set_settings", { settings }),
  setStartAtLogin: withoutDesktop,
  answerQuit: withoutDesktop,
};
