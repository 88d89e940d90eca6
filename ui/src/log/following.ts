/** Following a log through the backend. */

import type { Backend } from "../backend/backend";
import type { LogLine } from "../backend/wire";

export interface Listener {
  lines(lines: LogLine[]): void;
  caughtUp(): void;
  failed(message: string): void;
}

/** Follows until the returned function is called. No line arrives after that. */
export function follow(
  backend: Backend,
  file: string,
  service: string | null,
  listener: Listener,
): () => void {
  let over = false;
  let id: number | null = null;
  const services = service === null ? [] : [service];
  backend
    .followLog(file, services, (update) => {
      if (over) return;
      if (update.kind === "lines") listener.lines(update.lines);
      else if (update.kind === "caught_up") listener.caughtUp();
      else listener.failed(update.message);
    })
    .then(
      (given) => {
        id = given;
        if (over) end();
      },
      (error: unknown) => {
        if (!over) listener.failed(error instanceof Error ? error.message : String(error));
      },
    );

  // A user can do nothing about a hidden log that could not be closed.
  const end = () => {
    if (id !== null) void backend.unfollowLog(id).catch(() => {});
  };
  return () => {
    over = true;
    end();
  };
}
