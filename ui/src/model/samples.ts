// Values for the tests of this folder.
import type { Finding, ServiceView, StackView, Update } from "../backend/wire";

export const FILE = "/p/pilotlight.toml";

export function service(name: string, given: Partial<ServiceView> = {}): ServiceView {
  return {
    name,
    phase: "ready",
    light: "green",
    pid: 100,
    port: 8001,
    since: "2026-01-09T10:00:00Z",
    restarts: 0,
    latency_ms: 1,
    cpu_percent: null,
    memory_bytes: null,
    waiting_for: [],
    last_exit: null,
    adopted: false,
    external: false,
    run: 1,
    started: "2026-01-09T09:59:58Z",
    needs: [],
    links: {},
    finding: null,
    note: null,
    ...given,
  };
}

export const off: Partial<ServiceView> = {
  phase: "stopped",
  light: "off",
  pid: null,
  started: null,
};

export function stack(services: ServiceView[], given: Partial<StackView> = {}): StackView {
  return {
    name: "nexus",
    file: FILE,
    mode: "development",
    light: "green",
    services,
    findings: [],
    ...given,
  };
}

export function finding(given: Partial<Finding> = {}): Finding {
  return {
    code: "exited",
    service: "redis",
    title: "Redis is not running",
    evidence: ["nothing listens: `ss -ltn`"],
    symptoms: [],
    remedy: { text: "start it", action: { kind: "start", service: "redis" } },
    ...given,
  };
}

export function whole(
  stacks: StackView[],
  given: Partial<Extract<Update, { kind: "whole" }>> = {},
): Extract<Update, { kind: "whole" }> {
  return {
    kind: "whole",
    version: "0.1.0",
    platform: "linux",
    snapshot: { stacks },
    stacks: stacks.map(({ file, name }) => ({
      file,
      name,
      folder: "/p",
      start_at_login: false,
      change: null,
    })),
    settings: { start_at_login: false, notifications: true, on_quit: "ask", theme: "system" },
    usage: [],
    tray: true,
    ...given,
  };
}
