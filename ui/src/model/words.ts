import type { Exit, Light, ServiceView, StackView } from "../backend/wire";
import { count, list } from "./format";

/** What a person is told about where a service is. */
export interface State {
  /** A word or a few: what its light means here. */
  word: string;
  /** More, where there is more to say. */
  detail: string | null;
  /** Since when, in milliseconds, where the time that it takes is worth showing. */
  since: number | null;
}

/** How a process ended, as the rest of "it was/has …". */
export function ending(exit: Exit): string {
  if (exit === "unknown") return "ended";
  if ("code" in exit) return `ended with code ${exit.code}`;
  return `killed by signal ${exit.signal}`;
}

/** Where a service is. `waitingSince` is when the window first saw it wait. */
export function state(service: ServiceView, waitingSince: number | null = null): State {
  const since = service.since === null ? null : Date.parse(service.since);
  const ended = service.last_exit === null ? null : ending(service.last_exit);
  switch (service.phase) {
    case "stopped":
      if (service.waiting_for.length > 0) {
        return {
          word: `waits for ${list(service.waiting_for)}`,
          detail: null,
          since: waitingSince,
        };
      }
      if (service.light === "green") return { word: "done", detail: ended, since: null };
      if (service.light === "amber") return { word: "about to start", detail: null, since: null };
      return { word: "off", detail: null, since: null };
    case "claiming":
      return {
        word: service.port === null ? "about to start" : `takes port ${service.port}`,
        detail: null,
        since,
      };
    case "starting":
      return { word: "starting", detail: null, since: waitingSince ?? since };
    case "ready": {
      const detail = service.note ?? (service.adopted ? "kept running from before" : null);
      if (service.light === "green") return { word: "ready", detail, since: null };
      return { word: "up, fails a check", detail: failingCheck(service) ?? detail, since: null };
    }
    case "unhealthy":
      return {
        word: service.external ? "does not answer" : "up, but unhealthy",
        detail: blame(service),
        since: null,
      };
    case "stopping":
      return { word: "stopping", detail: null, since };
    case "backoff":
      return { word: ended ?? "ended", detail: "starts again soon", since: null };
    case "blocked":
      return { word: "cannot start", detail: blame(service) ?? service.note, since: null };
    case "failed":
      return { word: ended ?? "failed", detail: blame(service) ?? "given up", since: null };
  }
}

/** Whose fault it is, where it is another's. Its own cause stands in the card above the list. */
function blame({ name, finding }: ServiceView): string | null {
  return finding === null || finding.service === name ? null : `because of ${finding.service}`;
}

/** Which check fails, or else because of whom, as far as that is known. */
function failingCheck(service: ServiceView): string | null {
  const symptom = service.finding?.symptoms.find(
    ({ service: where, check }) => where === service.name && check !== null,
  );
  return symptom === undefined ? blame(service) : `“${symptom.check}”`;
}

/** Whether asking it to start makes sense. */
export function canStart(service: ServiceView): boolean {
  if (service.external) return false;
  return (
    (service.phase === "stopped" && service.waiting_for.length === 0) ||
    service.phase === "failed" ||
    service.phase === "blocked" ||
    service.phase === "backoff"
  );
}

/** Whether there is something of it to stop: a process, a wait or an attempt. */
export function canStop(service: ServiceView): boolean {
  if (service.external || service.phase === "stopping") return false;
  if (service.phase === "failed" || service.phase === "blocked") return service.pid !== null;
  return service.phase !== "stopped" || service.waiting_for.length > 0;
}

/** Whether it runs, so that stopping and starting it is more than starting it. */
export function canRestart(service: ServiceView): boolean {
  return !service.external && ["starting", "ready", "unhealthy"].includes(service.phase);
}

/** Whether something of a stack is on its way up or down; not what waits for what does not come. */
export function isMoving(stack: StackView): boolean {
  return stack.services.some(
    (service) =>
      service.phase === "claiming" ||
      service.phase === "starting" ||
      service.phase === "stopping" ||
      service.phase === "backoff" ||
      (service.phase === "stopped" &&
        service.light === "amber" &&
        service.waiting_for.length === 0),
  );
}

/** The one word that stands for a light, for those who do not see it. */
export function lightWord(light: Light): string {
  return { off: "off", green: "all well", amber: "on its way", red: "in trouble" }[light];
}

/** The stack in a few words: `3 of 3 ready`, `1 of 3 ready, redis failed`. */
export function stackWords(stack: StackView): string {
  const { services } = stack;
  if (services.length === 0) return "no services";
  const ready = services.filter((service) => service.light === "green").length;
  if (services.every((service) => service.light === "off")) {
    return `off · ${count(services.length, "service")}`;
  }
  const red = services.filter((service) => service.light === "red").map((service) => service.name);
  const parts = [`${ready} of ${services.length} ready`];
  if (red.length > 0) parts.push(`${list(red)} ${red.length === 1 ? "is" : "are"} in trouble`);
  const failing = services.filter(
    (service) => service.phase === "ready" && service.light === "amber",
  );
  if (red.length === 0 && failing.length > 0) {
    parts.push(
      `${list(failing.map((service) => service.name))} ${failing.length === 1 ? "fails" : "fail"} a check`,
    );
  }
  const stopping = services.filter((service) => service.phase === "stopping").length;
  if (stopping > 0) parts.push(`${stopping} stopping`);
  return parts.join(" · ");
}

/** Since when the oldest running process of a stack is up, in milliseconds. */
export function upSince(stack: StackView): number | null {
  const starts = stack.services
    .filter((service) => service.pid !== null && service.started !== null)
    .map((service) => Date.parse(service.started as string));
  return starts.length === 0 ? null : Math.min(...starts);
}
