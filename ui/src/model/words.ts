import {
  SIGNALS,
  STATE_WORDS,
  WAITING_FOR,
  type Exit,
  type Light,
  type ServiceView,
  type StackView,
} from "../backend/wire";

/** The state of a service, in words. The words are the core's (`STATE_WORDS`). */
export interface State {
  /** A word or a few. */
  word: string;
  /** The reason, or another detail. */
  detail: string | null;
  /** The start of the phase in milliseconds, if its duration is worth showing. */
  since: number | null;
}

/** How a process ended: `exited with code 1`, `killed (SIGKILL)`. */
export function ending(exit: Exit): string {
  if (exit === "unknown") return "exited";
  if ("code" in exit) return `exited with code ${exit.code}`;
  return `killed (${SIGNALS[exit.signal] ?? `signal ${exit.signal}`})`;
}

/** The state of a service. `waitingSince` is the time at which the window first saw it wait. */
export function state(service: ServiceView, waitingSince: number | null = null): State {
  const since = service.since === null ? null : Date.parse(service.since);
  const waits = service.phase === "stopped" && service.waiting_for.length > 0;
  return {
    word: waits
      ? `${WAITING_FOR} ${service.waiting_for.join(", ")}`
      : (taskWord(service) ?? STATE_WORDS[service.phase][service.light]),
    detail: reason(service) ?? detail(service),
    since: waits
      ? waitingSince
      : service.phase === "starting"
        ? (waitingSince ?? since)
        : service.phase === "claiming" || service.phase === "stopping"
          ? since
          : null,
  };
}

/** The state of a task, if its name differs from that of a service. */
function taskWord(service: ServiceView): string | null {
  if (service.task !== true) return null;
  if (service.phase === "starting") return "running";
  if (service.phase !== "stopped") return null;
  if (service.light === "off") return "not run";
  return service.run === null ? "scheduled" : null;
}

/** Why a service is amber or red, unless its own finding explains it (`ServiceView::reason`). */
export function reason(service: ServiceView): string | null {
  const { name, finding } = service;
  const because = finding === null || finding.service === name ? null : `because of ${finding.service}`;
  switch (service.phase) {
    case "ready": {
      if (service.light !== "amber") return null;
      const own = finding?.symptoms.find((symptom) => symptom.service === name);
      return own?.check == null ? because : `“${own.check}”`;
    }
    case "unhealthy":
    case "blocked":
      return because;
    case "failed":
    case "backoff":
      return because ?? (service.last_exit === null ? null : ending(service.last_exit));
    case "stopped":
    case "claiming":
    case "starting":
    case "stopping":
      return null;
  }
}

function detail(service: ServiceView): string | null {
  if (service.phase === "ready") {
    return service.note ?? (service.adopted ? "still running from last session" : null);
  }
  if (service.phase === "blocked" || service.phase === "starting") return service.note;
  return null;
}

/** Whether something is wrong with a service: it is red, or one of its checks fails. */
export function hasProblem(service: ServiceView): boolean {
  return service.light === "red" || (service.light === "amber" && service.phase === "ready");
}

/** Whether the service can be started. */
export function canStart(service: ServiceView): boolean {
  if (service.external) return false;
  return (
    (service.phase === "stopped" && service.waiting_for.length === 0) ||
    service.phase === "failed" ||
    service.phase === "blocked" ||
    service.phase === "backoff"
  );
}

/** Whether the service can be stopped: it has a process, waits or is being started. */
export function canStop(service: ServiceView): boolean {
  if (service.external || service.phase === "stopping") return false;
  if (service.phase === "failed" || service.phase === "blocked") return service.pid !== null;
  return service.phase !== "stopped" || service.waiting_for.length > 0;
}

/** Whether the service is running, so that a restart is more than a start. */
export function canRestart(service: ServiceView): boolean {
  return !service.external && ["starting", "ready", "unhealthy"].includes(service.phase);
}

/** Whether a service is starting or stopping. One that waits for a failed dependency is not. */
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

/** The words of a light for screen readers. */
export function lightWord(light: Light): string {
  return { off: "stopped", green: "ready", amber: "needs attention", red: "failing" }[light];
}

/** The name of a stack, with its checkout if that is shown: `nexus · feature-x`. */
export function stackTitle(view: StackView): string {
  return view.checkout === undefined ? view.name : `${view.name} · ${view.checkout}`;
}

/** The state of a stack, as `StackView::summary` words it: `all 3 ready`, `1 of 3 ready, redis failed`. */
export function stackWords(stack: StackView): string {
  const { services } = stack;
  if (services.length === 0) return "no services";
  if (services.every((service) => service.light === "off")) return "stopped";
  const ready = services.filter((service) => service.light === "green").length;
  // A task that was not requested says nothing about the stack.
  const idle = services.filter((service) => service.task === true && service.light === "off").length;
  const total = services.length - idle;
  const parts = [
    ready < total
      ? `${ready} of ${total} ready`
      : ready === 1
        ? "ready"
        : `all ${ready} ready`,
  ];
  const stopping = services.filter((service) => service.phase === "stopping").length;
  if (stopping > 0) parts.push(`${stopping} stopping`);
  const [problem, ...more] = services.filter(hasProblem);
  if (problem !== undefined) {
    parts.push(
      more.length === 0
        ? `${problem.name} ${state(problem).word}`
        : `${more.length + 1} problems`,
    );
  }
  return parts.join(", ");
}

/** Whether it has a process, or a container that has not been stopped. */
function runs(service: ServiceView): boolean {
  return service.pid !== null || (service.container !== undefined && canRestart(service));
}

/** The start of the oldest running process of a stack, in milliseconds. */
export function upSince(stack: StackView): number | null {
  const starts = stack.services
    .filter((service) => runs(service) && service.started !== null)
    .map((service) => Date.parse(service.started as string));
  return starts.length === 0 ? null : Math.min(...starts);
}
