import { useCallback, useEffect, useState } from "react";

import { BackendError, complete, createSession, history, listen, type Message } from "./backend";

export type Link = { state: "connecting" } | { state: "live" } | { state: "lost"; reason: string };

export interface Problem {
  title: string;
  error: BackendError;
  retry: () => void;
}

const remembered = "nexus-session";
const reconnectAfter = { first: 500, longest: 8_000 }; // ms

/** One session of the chat: what was said, how the page is connected, and what went wrong. */
export function useChat() {
  const [session, setSession] = useState(() => sessionStorage.getItem(remembered));
  const [messages, setMessages] = useState<Message[]>([]);
  const [sending, setSending] = useState<string>();
  const [link, setLink] = useState<Link>({ state: "connecting" });
  const [problem, setProblem] = useState<Problem>();

  const open = useCallback(async () => {
    setProblem(undefined);
    try {
      const { id } = await createSession("demo");
      sessionStorage.setItem(remembered, id);
      setSession(id);
    } catch (error) {
      setProblem({ title: "The session could not be created", error: known(error), retry: open });
    }
  }, []);

  const leave = useCallback(() => {
    sessionStorage.removeItem(remembered);
    setMessages([]);
    setSession(null);
  }, []);

  const refresh = useCallback(async () => {
    if (!session) return;
    try {
      setMessages(await history(session));
      setProblem(undefined);
    } catch (error) {
      // Redis keeps nothing across a restart here, so a session can be gone.
      if (known(error).status === 404) return leave();
      setProblem({ title: "The history could not be read", error: known(error), retry: refresh });
    }
  }, [session, leave]);

  const send = useCallback(
    async (text: string) => {
      if (!session) return;
      setProblem(undefined);
      setSending(text);
      try {
        await complete(session, text);
        await refresh();
      } catch (error) {
        setProblem({
          title: "The message could not be sent",
          error: known(error),
          retry: () => void send(text),
        });
      } finally {
        setSending(undefined);
      }
    },
    [session, refresh],
  );

  useEffect(() => {
    if (!session) void open();
  }, [session, open]);

  useEffect(() => {
    if (!session) return;
    let pause = reconnectAfter.first;
    let timer: number | undefined;
    let close: () => void;
    const connect = () => {
      setLink({ state: "connecting" });
      close = listen(session, {
        live: () => {
          pause = reconnectAfter.first;
          setLink({ state: "live" });
          void refresh(); // messages that came while the socket was closed
        },
        message: (message) => setMessages((before) => withMessage(before, message)),
        lost: (reason) => {
          setLink({ state: "lost", reason });
          timer = setTimeout(connect, pause);
          pause = Math.min(pause * 2, reconnectAfter.longest);
        },
      });
    };
    connect();
    return () => {
      clearTimeout(timer);
      close();
    };
  }, [session, refresh]);

  return { session, messages, sending, link, problem, send, leave };
}

function withMessage(messages: Message[], message: Message): Message[] {
  return messages.some(({ id }) => id === message.id) ? messages : [...messages, message];
}

function known(error: unknown): BackendError {
  return error instanceof BackendError ? error : new BackendError("this page", String(error));
}
