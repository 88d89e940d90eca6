import { type FormEvent, type ReactNode, useEffect, useRef, useState } from "react";

import nexus from "./nexus.svg";
import { type Link, type Problem, useChat } from "./useChat";

const openers = ["Hello!", "I need a better name for this", "I found a bug in Redis"];

export function Chat() {
  const { session, messages, sending, link, problem, send, leave } = useChat();
  const said = messages.map(({ id, role, content }) => ({ id, role, content }));
  const waiting = sending !== undefined;
  // The live connection may be faster than the answer to the request: never show it twice.
  if (waiting && said.findLast(({ role }) => role === "user")?.content !== sending) {
    said.push({ id: "sending", role: "user", content: sending });
  }

  return (
    <div className="page">
      <header>
        <img src={nexus} alt="" />
        <div>
          <h1>Nexus</h1>
          <p>{session ? `Session ${session.slice(0, 8)}` : "No session"}</p>
        </div>
        <ConnectionState link={link} open={session !== null} failed={problem !== undefined} />
        <button className="quiet" onClick={leave} disabled={!session}>
          New session
        </button>
      </header>

      <Conversation length={said.length}>
        {said.length === 0 && !problem && <Welcome ready={session !== null} send={send} />}
        {said.map(({ id, role, content }) => (
          <p key={id} className={`bubble ${role}`}>
            {content}
          </p>
        ))}
        {waiting && said.at(-1)?.role === "user" && <Typing />}
      </Conversation>

      {problem && <ProblemCard problem={problem} />}
      <Composer ready={session !== null && !waiting} send={send} />
    </div>
  );
}

function ConnectionState({ link, open, failed }: { link: Link; open: boolean; failed: boolean }) {
  const [light, text] = !open
    ? failed
      ? ["red", "Not connected"]
      : ["amber", "Opening a session"]
    : {
        live: ["green", "Live"],
        connecting: ["amber", "Connecting"],
        lost: ["red", "Reconnecting"],
      }[link.state];
  return (
    <span className={`state ${light}`} role="status" title={link.state === "lost" ? link.reason : undefined}>
      {text}
    </span>
  );
}

function Conversation({ length, children }: { length: number; children: ReactNode }) {
  const end = useRef<HTMLDivElement>(null);
  useEffect(() => {
    end.current?.scrollIntoView({ block: "end" });
  }, [length]);
  return (
    <main aria-live="polite">
      {children}
      <div ref={end} />
    </main>
  );
}

function Welcome({ ready, send }: { ready: boolean; send: (text: string) => void }) {
  return (
    <section className="welcome">
      <h2>What is on your mind?</h2>
      <p>A few rules in a Python file answer here. No model, no network.</p>
      <div className="openers">
        {openers.map((text) => (
          <button key={text} onClick={() => send(text)} disabled={!ready}>
            {text}
          </button>
        ))}
      </div>
    </section>
  );
}

function Typing() {
  return (
    <p className="bubble assistant typing" aria-label="Nexus is answering">
      <i />
      <i />
      <i />
    </p>
  );
}

function ProblemCard({ problem }: { problem: Problem }) {
  return (
    <section className="problem" role="alert">
      <div>
        <strong>{problem.title}</strong>
        <code>{problem.error.request}</code>
        <span>{problem.error.reason}</span>
      </div>
      <button onClick={problem.retry}>Try again</button>
    </section>
  );
}

function Composer({ ready, send }: { ready: boolean; send: (text: string) => void }) {
  const [text, setText] = useState("");
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (ready) field.current?.focus();
  }, [ready]);

  function submit(event: FormEvent) {
    event.preventDefault();
    if (!ready || !text.trim()) return;
    send(text.trim());
    setText("");
  }

  return (
    <form className="composer" onSubmit={submit}>
      <input
        ref={field}
        aria-label="Message"
        placeholder="Write a message"
        maxLength={8000}
        value={text}
        onChange={(event) => setText(event.target.value)}
      />
      <button aria-label="Send" disabled={!ready || !text.trim()}>
        <svg viewBox="0 0 24 24" aria-hidden="true">
          <path d="M12 19V5M5.5 11.5 12 5l6.5 6.5" />
        </svg>
      </button>
    </form>
  );
}
