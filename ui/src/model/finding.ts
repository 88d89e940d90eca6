import type { Action, Finding } from "../backend/wire";

/** A sentence in pieces: plain text, and what stood between backticks. */
export interface Span {
  text: string;
  code: boolean;
}

/** Takes the backticks out of a sentence. One without a partner is a sign like others. */
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

/** Whether a piece of code is a command that one would run: it has an argument. */
export function isCommand(code: string): boolean {
  return /^[a-z./~][^\s=:]*\s+[^\s=]/i.test(code);
}

/** The last part of a path, of either kind of system. */
export function lastPart(path: string): string {
  return path.split(/[\\/]/).filter(Boolean).at(-1) ?? path;
}

/** A command by its name and first word: `npm ci`; a module of Python by the module's. */
function program(command: string[]): string {
  const words = command[1] === "-m" ? command.slice(2) : command;
  return words.map(lastPart).slice(0, 2).join(" ");
}

/** What is on the button that carries it out. */
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
      return `Run ${program(action.command)}…`;
    case "copy-file":
      return `Make ${lastPart(action.to)}…`;
    case "edit-stack-file":
      return "Show the change…";
  }
}

/** What is on the button beneath the preview. */
export function confirmation(action: Action): string {
  switch (action.kind) {
    case "stop":
      return `Stop ${action.service}`;
    case "free-port":
      return `End it and free port ${action.port}`;
    case "install":
      return "Run it";
    case "copy-file":
      return `Make ${lastPart(action.to)}`;
    case "edit-stack-file":
      return "Change the stack file";
    case "start":
    case "restart":
      return label(action);
  }
}

/** Whether a person sees first what it would do: all that is more than starting a service. */
export function asksFirst(action: Action): boolean {
  return action.kind !== "start" && action.kind !== "restart";
}

/** A finding as one would paste it into a message. */
export function report(finding: Finding): string {
  const lines = [finding.title, `  ${finding.service} · ${finding.code}`];
  lines.push(...finding.evidence.map((text) => `    ${text}`));
  if (finding.symptoms.length > 0) lines.push("  also affected");
  for (const symptom of finding.symptoms) {
    const where = symptom.check === null ? symptom.service : `${symptom.service}, ${symptom.check}`;
    lines.push(`    ${where}: ${symptom.text}`);
  }
  lines.push(`  → ${finding.remedy.text}`);
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

/** Whether the action stops a process that may still be needed: never the green button. */
export function stops(action: Action): boolean {
  return action.kind === "free-port" || action.kind === "stop";
}

/** What tells a finding from the others of its stack. */
export function findingKey(finding: Finding): string {
  return `${finding.service} ${finding.code} ${finding.title}`;
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
