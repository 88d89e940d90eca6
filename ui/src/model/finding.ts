import type { Action, Finding } from "../backend/wire";

/** A piece of a sentence: plain text, or code between backticks. */
export interface Span {
  text: string;
  code: boolean;
}

/** Splits a sentence at its backticks. A backtick without a partner stays. */
export function spans(sentence: string): Span[] {
  const made: Span[] = [];
  let rest = sentence;
  for (;;) {
    const open = rest.indexOf("`");
    const close = open === -1 ? -1 : rest.indexOf("`", open + 1);
    if (close === -1) break;
    if (open > 0) made.push({ text: rest.slice(0, open), code: false });
    if (close > open + 1) made.push({ text: rest.slice(open + 1, close), code: true });
    rest = rest.slice(close + 1);
  }
  if (rest !== "") made.push({ text: rest, code: false });
  return made;
}

/** Whether a piece of code is a command: it has an argument. */
export function isCommand(code: string): boolean {
  return /^[a-z./~][^\s=:]*\s+[^\s=]/i.test(code);
}

/** The last part of a path of Unix or Windows. */
export function lastPart(path: string): string {
  return path.split(/[\\/]/).filter(Boolean).at(-1) ?? path;
}

/** The name and the first argument of a command: `npm ci`; for a Python module, the name of the module. */
function program(command: string[]): string {
  const words = command[1] === "-m" ? command.slice(2) : command;
  return words.map(lastPart).slice(0, 2).join(" ");
}

/** The label of the button for an action. */
export function label(action: Action): string {
  switch (action.kind) {
    case "start":
      return `Start ${action.service}`;
    case "restart":
      return `Restart ${action.service}`;
    case "stop":
      return `Stop ${action.service}…`;
    case "free-port":
      return `Free port ${action.port}…`;
    case "install":
    case "run":
      return `Run ${program(action.command)}…`;
    case "copy-file":
      return `Create ${lastPart(action.to)}…`;
    case "edit-stack-file":
      return "Show the change…";
  }
}

/** The label of the button that confirms a preview. */
export function confirmation(action: Action): string {
  switch (action.kind) {
    case "stop":
      return `Stop ${action.service}`;
    case "free-port":
      return `Stop it and free port ${action.port}`;
    case "install":
    case "run":
      return "Run it";
    case "copy-file":
      return `Create ${lastPart(action.to)}`;
    case "edit-stack-file":
      return "Change the stack file";
    case "start":
    case "restart":
      return label(action);
  }
}

/** Whether the action has a preview: every action but starting and restarting a service. */
export function asksFirst(action: Action): boolean {
  return action.kind !== "start" && action.kind !== "restart";
}

/** The finding as plain text, to paste into a message: cause, fix, affected services, evidence. */
export function report(finding: Finding): string {
  const lines = [finding.title, `  ${finding.service} · ${finding.code}`];
  lines.push(`  → ${finding.remedy.text}`);
  if (finding.symptoms.length > 0) lines.push("  also affected:");
  for (const symptom of finding.symptoms) {
    const where = symptom.check === null ? symptom.service : `${symptom.service}, ${symptom.check}`;
    lines.push(`    ${where}: ${symptom.text}`);
  }
  if (finding.evidence.length > 0) lines.push("  evidence:");
  lines.push(...finding.evidence.map((text) => `    ${text}`));
  return lines.join("\n");
}

/** The service whose log this terminal command shows: the window has a button for it. */
export function logCommand(code: string): string | null {
  return /^pilotlight logs ([\w.-]+)$/.exec(code)?.[1] ?? null;
}

/** The evidence that the window shows, without lines that only name a log command: a button opens the log. */
export function evidence(finding: Finding): string[] {
  return finding.evidence.filter((text) => !/^its log: `pilotlight logs [^`]+`$/.test(text));
}

/** Codes of findings that a start resolves: the service would run if it were started. */
const STARTABLE = ["exited", "not-running", "silent-exit"];

/** Whether the action removes the cause: only then its button is green. */
export function cures({ code, remedy }: Finding): boolean {
  switch (remedy.action?.kind) {
    case "install":
    case "run":
    case "copy-file":
    case "edit-stack-file":
      return true;
    case "start":
      return STARTABLE.includes(code);
    case "restart":
    case "stop":
    case "free-port":
    case undefined:
      return false;
  }
}

/** Identifies a finding among the others of its stack. */
export function findingKey(finding: Finding): string {
  return `${finding.service} ${finding.code} ${finding.title}`;
}

/** Findings with the same cause: the first, and the services of all. */
export interface Group {
  finding: Finding;
  services: string[];
  /** The cause, without the name of one service if there are several. */
  title: string;
}

/** Joins findings that differ only in their service. */
export function groups(findings: readonly Finding[]): Group[] {
  const made = new Map<string, Group>();
  for (const finding of findings) {
    const { service, code, title, remedy } = finding;
    const bare = (text: string) => text.replaceAll(service, "\0");
    const key = [code, bare(title), bare(remedy.text), remedy.action?.kind].join("\n");
    const known = made.get(key);
    if (known === undefined) made.set(key, { finding, services: [service], title });
    else known.services.push(service);
  }
  for (const group of made.values()) {
    if (group.services.length > 1) group.title = withoutName(group.finding);
  }
  return [...made.values()];
}

/** `auth cannot start: x is missing` becomes `x is missing`. */
function withoutName({ service, title }: Finding): string {
  if (!title.startsWith(service)) return title;
  const colon = title.indexOf(": ");
  const rest = colon === -1 ? title.slice(service.length).trimStart() : title.slice(colon + 2);
  return rest.charAt(0).toUpperCase() + rest.slice(1);
}

/** One line of a difference between files. */
export interface DiffLine {
  kind: "same" | "add" | "remove" | "place";
  text: string;
}

/** The lines of a unified difference, without the names of the files before its first place. */
export function diffLines(diff: string): DiffLine[] {
  const lines = diff.replace(/\n$/, "").split("\n");
  const first = lines.findIndex((line) => line.startsWith("@@"));
  return lines.slice(Math.max(0, first)).map((line) => {
    if (line.startsWith("@@")) return { kind: "place", text: line };
    if (line.startsWith("+")) return { kind: "add", text: line.slice(1) };
    if (line.startsWith("-")) return { kind: "remove", text: line.slice(1) };
    return { kind: "same", text: line.replace(/^ /, "") };
  });
}
