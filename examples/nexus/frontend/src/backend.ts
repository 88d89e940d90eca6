/** The page's one door to its backend. */

export interface Message {
  id: string;
  role: "user" | "assistant";
  content: string;
  created: number;
}

export interface Session {
  id: string;
  user_id: string;
}

/** A request that did not come true: which, and what the page got to know about it. */
export class BackendError extends Error {
  constructor(
    readonly request: string,
    readonly reason: string,
    readonly status?: number,
  ) {
    super(`${request}: ${reason}`);
  }
}

const base: string | undefined = import.meta.env.VITE_API_URL;

export function createSession(userId: string): Promise<Session> {
  return call("POST", "/v1/sessions/", { user_id: userId });
}

export async function history(sessionId: string): Promise<Message[]> {
  const { messages } = await call<{ messages: Message[] }>(
    "GET",
    `/v1/sessions/${sessionId}/history`,
  );
  return messages;
}

export async function complete(sessionId: string, text: string): Promise<void> {
  await call("POST", "/v1/chat/completions", {
    session_id: sessionId,
    messages: [{ role: "user", content: text }],
  });
}

/** What the live connection reports. After `lost`, nothing more comes. */
export interface Listener {
  live(): void;
  message(message: Message): void;
  lost(reason: string): void;
}

/** Listens to one session until the returned function is called. */
export function listen(sessionId: string, listener: Listener): () => void {
  const socket = new WebSocket(address("/ws").replace(/^http/, "ws"));
  const ended = new AbortController();
  const on = { signal: ended.signal };

  socket.addEventListener("open", () => socket.send(JSON.stringify({ session_id: sessionId })), on);
  socket.addEventListener(
    "message",
    ({ data }) => {
      const event = JSON.parse(data);
      if (event.type === "subscribed") listener.live();
      if (event.type === "message") listener.message(event.message);
    },
    on,
  );
  socket.addEventListener(
    "close",
    ({ code, reason }) => listener.lost(reason || `the connection was closed (${code})`),
    on,
  );
  return () => {
    ended.abort();
    socket.close();
  };
}

async function call<Answer>(method: string, path: string, body?: object): Promise<Answer> {
  const url = address(path);
  const request = `${method} ${url}`;
  let response: Response;
  try {
    response = await fetch(url, {
      method,
      credentials: "include",
      ...(body && {
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(body),
      }),
    });
  } catch (error) {
    // The browser tells its console why, and tells the page no more than this.
    throw new BackendError(
      request,
      `no answer that the browser lets this page read (${error instanceof Error ? error.message : error})`,
    );
  }
  if (!response.ok) {
    throw new BackendError(
      request,
      `${response.status} ${response.statusText}`.trim(),
      response.status,
    );
  }
  return response.json();
}

function address(path: string): string {
  if (!base) throw new BackendError(path, "VITE_API_URL is not set; see frontend/.env");
  return new URL(path, base).href;
}
