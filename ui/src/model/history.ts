/** The history of a stack, in words. */
import type { EventKind, HistoryEvent, RunDetails } from "../backend/wire";
import { moment } from "./format";
import { ending } from "./words";

export type Tone = "red" | "amber" | "green" | "plain";

const WORDS: Record<EventKind, [string, Tone]> = {
  started: ["started", "plain"],
  restarted: ["restarted", "plain"],
  reconnected: ["still running", "plain"],
  ready: ["ready", "green"],
  unhealthy: ["unhealthy", "amber"],
  exited: ["exited", "red"],
  failed: ["failed, not restarting", "red"],
  blocked: ["blocked", "red"],
  completed: ["completed", "green"],
  stopped: ["stopped", "plain"],
  port_freed: ["port freed", "plain"],
  file_changed: ["stack file applied", "plain"],
  finding: ["problem found", "red"],
  resolved: ["problem resolved", "green"],
};

/** An event as a line: what happened, and its details. */
export function told(event: HistoryEvent): { text: string; tone: Tone; detail: string | null } {
  const [words, tone] = WORDS[event.event];
  const text =
    event.event === "exited" && event.exit !== undefined
      ? ending(event.exit)
      : event.event === "port_freed" && event.port !== undefined
        ? `port ${event.port} freed`
        : words;
  const by = event.by === undefined ? null : `by ${event.by}`;
  return { text, tone, detail: event.message ?? by };
}

const ENDS: readonly EventKind[] = ["exited", "completed", "stopped"];

/** The exit of an earlier run, from the events of its time. */
export function endOf(
  run: RunDetails,
  runs: readonly RunDetails[],
  events: readonly HistoryEvent[],
  service: string,
): string | null {
  const begins = moment(run.started);
  const next = moment(runs.filter((other) => other.run > run.run).at(-1)?.started ?? null);
  if (begins === null) return null;
  const last = events.findLast((event) => {
    const time = Date.parse(event.time);
    return (
      event.service === service &&
      ENDS.includes(event.event) &&
      time >= begins &&
      (next === null || time <= next)
    );
  });
  return last === undefined ? null : told(last).text;
}
