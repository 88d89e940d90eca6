import type { Snapshot } from "../backend/wire";
import { reason, state } from "./words";

/**
 * The announcement of a change for screen readers: one sentence for every service whose light changed,
 * and one for every new finding. Services that are still starting or stopping are left out.
 */
export function changes(before: Snapshot, after: Snapshot): string[] {
  const said: string[] = [];
  const old = new Map(before.stacks.map((stack) => [stack.file, stack]));
  for (const stack of after.stacks) {
    const earlier = old.get(stack.file);
    if (earlier === undefined) continue;
    const lights = new Map(earlier.services.map((service) => [service.name, service.light]));
    for (const service of stack.services) {
      const was = lights.get(service.name);
      if (was === undefined || was === service.light) continue;
      if (service.light === "amber" && service.phase !== "ready") continue;
      const words = [state(service).word, reason(service)].filter((part) => part !== null);
      said.push(`${service.name}: ${words.join(", ")}`);
    }
    const known = new Set(earlier.findings.map((finding) => finding.code + finding.service));
    for (const finding of stack.findings) {
      if (!known.has(finding.code + finding.service)) said.push(finding.title);
    }
  }
  return said;
}
