// States of made-up stacks, for people and tests.
import type {
  Finding,
  KnownStack,
  LogLine,
  ServiceView,
  StackView,
  Update,
  UsageSample,
} from "../backend/wire";

type Whole = Extract<Update, { kind: "whole" }>;

export interface Scene {
  whole: Whole;
  log: LogLine[];
  /** The paths that probes request, by service. */
  probePaths?: Record<string, string[]>;
}

const FOLDER = "/home/anna/projects/nexus";
const FILE = `${FOLDER}/pilotlight.toml`;

const ago = (now: number, seconds: number) => new Date(now - seconds * 1000).toISOString();

function service(name: string, now: number, given: Partial<ServiceView> = {}): ServiceView {
  return {
    name,
    phase: "ready",
    light: "green",
    pid: 4200 + name.length,
    port: null,
    since: ago(now, 4300),
    restarts: 0,
    latency_ms: null,
    cpu_percent: null,
    memory_bytes: null,
    waiting_for: [],
    last_exit: null,
    adopted: false,
    external: false,
    run: 7,
    started: ago(now, 4320),
    needs: [],
    links: {},
    finding: null,
    note: null,
    ...given,
  };
}

const stopped: Partial<ServiceView> = {
  phase: "stopped",
  light: "off",
  pid: null,
  latency_ms: null,
  started: null,
};

export function nexus(
  now: number,
  given: Record<string, Partial<ServiceView>> = {},
): ServiceView[] {
  return [
    service("redis", now, { pid: 4210, port: 6379, latency_ms: 0.41, ...given["redis"] }),
    service("backend", now, {
      pid: 4242,
      port: 8001,
      latency_ms: 2.1,
      needs: ["redis"],
      links: { docs: "http://localhost:8001/docs" },
      ...given["backend"],
    }),
    service("frontend", now, {
      pid: 4267,
      port: 5173,
      latency_ms: 0.9,
      needs: ["backend"],
      links: { chat: "http://localhost:5173" },
      ...given["frontend"],
    }),
  ];
}

function worst(services: ServiceView[]): StackView["light"] {
  const order = ["off", "green", "amber", "red"] as const;
  return order[Math.max(0, ...services.map((one) => order.indexOf(one.light)))] ?? "off";
}

function stack(
  services: ServiceView[],
  findings: Finding[] = [],
  name = "nexus",
  file = FILE,
): StackView {
  return { name, file, mode: "development", light: worst(services), services, findings };
}

function known(view: StackView, change: KnownStack["change"] = null): KnownStack {
  const folder = view.file.replace(/\/[^/]*$/, "");
  return {
    file: view.file,
    name: view.name,
    folder,
    start_at_login: view.name === "nexus",
    change,
  };
}

/** Repeatable noise between 0 and 1. */
function noise(seed: number): number {
  const value = Math.sin(seed * 12.9898) * 43758.5453;
  return value - Math.floor(value);
}

const BASE: Record<string, [number, number]> = {
  redis: [0.4, 9.4e6],
  backend: [2.2, 49e6],
  frontend: [0.6, 88e6],
};

function usage(views: StackView[], now: number): UsageSample[] {
  const samples: UsageSample[] = [];
  for (let at = 60; at >= 0; at--) {
    const services = views.flatMap((view) =>
      view.services.flatMap((one, index) => {
        const since = one.started === null ? 0 : (now - Date.parse(one.started)) / 1000;
        const ended = one.pid === null ? 12 : 0;
        if (at * 5 > since || at * 5 < ended) return [];
        const [cpu, memory] = BASE[one.name] ?? [0.2 + index / 3, 2e7 + index * 7e6];
        const burst = noise(at * 1.7 + index * 31) ** 6 * 14;
        return [
          {
            file: view.file,
            service: one.name,
            cpu_percent: cpu * (0.6 + noise(at + index * 7)) + burst * (cpu > 1 ? 1 : 0.2),
            memory_bytes: Math.round(memory * (1 + (60 - at) / 900 + noise(at + index) / 60)),
          },
        ];
      }),
    );
    samples.push({ at: ago(now, at * 5), services });
  }
  return samples;
}

const redisDown: Finding = {
  code: "exited",
  service: "redis",
  title: "Redis is not running: it was killed by signal 9",
  evidence: [
    "signal 9 came from outside: `dmesg | grep -i 'out of memory'` says whether from the kernel",
    "nothing listens on 127.0.0.1:6379: `ss -ltnp 'sport = :6379'`",
  ],
  symptoms: [
    {
      service: "backend",
      check: "create a session",
      code: "cors-masked-error",
      text: "POST /v1/sessions/ answers 500 without Access-Control-Allow-Origin, which a browser reports as a CORS error; the CORS settings are right, the preflight passes",
    },
  ],
  remedy: {
    text: "see its log (`pilotlight logs redis`), then start it again",
    action: { kind: "start", service: "redis" },
  },
};

const corsOrigin: Finding = {
  code: "cors-origin",
  service: "backend",
  title: "The CORS settings of backend do not allow the page's origin http://localhost:5173",
  evidence: [
    "came: `Access-Control-Allow-Origin: http://localhost:3000`",
    "see `curl -i -X OPTIONS http://localhost:8001/v1/sessions/ -H 'Origin: http://localhost:5173'`",
  ],
  symptoms: [],
  remedy: {
    text: "set `FRONTEND_ORIGIN` to http://localhost:5173 in the stack file",
    action: {
      kind: "edit-stack-file",
      file: FILE,
      changes: [
        {
          line: 18,
          old: ['FRONTEND_ORIGIN = "http://localhost:3000"'],
          new: ['FRONTEND_ORIGIN = "http://localhost:{frontend.port}"'],
        },
      ],
    },
  },
};

const portTaken: Finding = {
  code: "port-taken",
  service: "backend",
  title: "Port 8001 is taken by python3 (pid 4242)",
  evidence: [
    "pid 4242 listens on 127.0.0.1:8001, as anna",
    "python3 -m uvicorn main:app --port 8001",
    'it was not ended: the stack file says `port_conflict = "fail"`',
    "see `ss -ltnp 'sport = :8001'`",
  ],
  symptoms: [{ service: "frontend", check: null, code: "not-running", text: "waits for backend" }],
  remedy: {
    text: "end it (`pilotlight port 8001 --free`), then start backend again",
    action: { kind: "free-port", port: 8001 },
  },
};

const dead = { phase: "failed", light: "red", pid: null, latency_ms: null } as const;

function log(now: number): LogLine[] {
  const lines: [string, LogLine["level"], string][] = [
    ["redis", "info", "4210:M * Ready to accept connections tcp"],
    ["backend", "info", "\u001b[32mINFO\u001b[0m:     Application startup complete."],
    [
      "backend",
      "info",
      '\u001b[32mINFO\u001b[0m:     127.0.0.1:52144 - "GET /v1/health HTTP/1.1" \u001b[32m200 OK\u001b[0m',
    ],
    ["frontend", null, "  \u001b[32m➜\u001b[0m  Local:   http://localhost:5173/"],
    [
      "backend",
      "info",
      '\u001b[32mINFO\u001b[0m:     127.0.0.1:52150 - "POST /v1/sessions/ HTTP/1.1" \u001b[31m500 Internal Server Error\u001b[0m',
    ],
    ["backend", "error", "\u001b[31mERROR\u001b[0m:    Exception in ASGI application"],
    ["backend", "error", '  File "nexus/sessions.py", line 31, in create_session'],
    [
      "backend",
      "error",
      "redis.exceptions.ConnectionError: Error 111 connecting to 127.0.0.1:6379. Connection refused.",
    ],
    [
      "backend",
      "info",
      '\u001b[32mINFO\u001b[0m:     127.0.0.1:52152 - "GET /v1/health HTTP/1.1" \u001b[32m200 OK\u001b[0m',
    ],
  ];
  return lines.map(([service, level, text], at) => ({
    service,
    run: "7",
    number: at + 1,
    time: ago(now, 20 - at * 1.37),
    level,
    text,
  }));
}

function scene(views: StackView[], now: number, given: Partial<Whole> = {}): Scene {
  return {
    whole: {
      kind: "whole",
      version: "0.1.0",
      platform: "linux",
      snapshot: { stacks: views },
      stacks: views.map((view) => known(view)),
      settings: { start_at_login: true, notifications: true, on_quit: "ask", theme: "system" },
      usage: usage(views, now),
      tray: true,
      ...given,
    },
    log: views.length === 0 ? [] : log(now),
  };
}

function many(now: number): ServiceView[] {
  const names = Array.from({ length: 50 }, (_, at) => `service-${String(at + 1).padStart(2, "0")}`);
  return names.map((name, at) =>
    service(name, now, {
      pid: 5000 + at,
      port: 9000 + at,
      latency_ms: 0.3 + (at % 7) * 1.9,
      needs: names.filter((_, other) => other < at && (at * 7 + other * 3) % 23 === 0).slice(0, 3),
      ...(at % 17 === 5 ? { phase: "unhealthy", light: "red" } : {}),
      ...(at % 19 === 8 ? { light: "amber" } : {}),
    }),
  );
}

const shop = (now: number) =>
  stack(
    [
      service("postgres", now, { pid: 901, port: 5432, latency_ms: 0.7, adopted: true }),
      service("migrate", now, {
        ...stopped,
        light: "green",
        last_exit: { code: 0 },
        needs: ["postgres"],
      }),
      service("api", now, {
        pid: 950,
        port: 3000,
        latency_ms: 14.2,
        needs: ["postgres", "migrate"],
        links: { admin: "http://localhost:3000/admin", docs: "http://localhost:3000/docs" },
      }),
      service("worker", now, { pid: 951, needs: ["postgres", "migrate"], restarts: 2 }),
      service("billing", now, {
        external: true,
        pid: null,
        started: null,
        run: null,
        latency_ms: 31,
      }),
      service("web", now, { pid: 990, port: 3001, latency_ms: 3.2, needs: ["api"] }),
    ],
    [],
    "shop",
    "/home/anna/projects/shop/pilotlight.toml",
  );

const starting = (now: number) =>
  nexus(now, {
    redis: { started: ago(now, 3.4), since: ago(now, 3.1) },
    backend: {
      phase: "starting",
      light: "amber",
      latency_ms: null,
      started: ago(now, 3.1),
      since: ago(now, 3.1),
    },
    frontend: { ...stopped, light: "amber", waiting_for: ["backend"] },
  });

const offline = (now: number) =>
  nexus(now, { redis: stopped, backend: stopped, frontend: stopped });

const down = (now: number) =>
  nexus(now, {
    redis: { ...dead, last_exit: { signal: 9 }, finding: redisDown, started: ago(now, 4320) },
    backend: { light: "amber", finding: redisDown },
  });

const LONG = "payments-reconciliation-and-ledger-synchronisation-worker";

/** By the name in `fake.html?scene=…`. */
export const SCENES: Record<string, (now: number) => Scene> = {
  green: (now) => scene([stack(nexus(now))], now),
  off: (now) => scene([stack(offline(now))], now, { usage: [] }),
  starting: (now) => scene([stack(starting(now))], now),
  "redis-down": (now) => scene([stack(down(now), [redisDown])], now),
  "port-taken": (now) =>
    scene(
      [
        stack(
          nexus(now, {
            backend: { ...dead, phase: "blocked", started: null, finding: portTaken },
            frontend: { ...stopped, light: "amber", waiting_for: ["backend"] },
          }),
          [portTaken],
        ),
      ],
      now,
    ),
  cors: (now) =>
    scene(
      [stack(nexus(now, { backend: { light: "amber", finding: corsOrigin } }), [corsOrigin])],
      now,
    ),
  "two-findings": (now) => scene([stack(down(now), [redisDown, corsOrigin, portTaken])], now),
  "crash-loop": (now) =>
    scene(
      [
        stack(
          nexus(now, {
            backend: { ...dead, phase: "backoff", restarts: 4, last_exit: { code: 1 } },
            frontend: { phase: "unhealthy", light: "red", latency_ms: 2_000 },
          }),
        ),
      ],
      now,
    ),
  stopping: (now) =>
    scene(
      [
        stack(
          nexus(now, {
            redis: { phase: "ready" },
            backend: { phase: "stopping", light: "amber", since: ago(now, 1.2) },
            frontend: stopped,
          }),
        ),
      ],
      now,
    ),
  changed: (now) => {
    const view = stack(nexus(now));
    const change = { kind: "valid", services: ["backend", "frontend"] } as const;
    return scene([view], now, {
      stacks: [known(view, { ...change, services: [...change.services] })],
    });
  },
  invalid: (now) => {
    const view = stack(nexus(now));
    return scene([view], now, {
      stacks: [
        known(view, {
          kind: "invalid",
          message: "unknown key `comand`; did you mean `command`?",
          line: 12,
          column: 1,
          excerpt: 'comand = "uvicorn main:app --port {port}"',
        }),
      ],
    });
  },
  missing: (now) => {
    const view = stack(nexus(now));
    return scene([view], now, { stacks: [known(view, { kind: "missing" })] });
  },
  "first-run": (now) => scene([], now),
  example: (now) => {
    const view = stack(nexus(now), [], "example");
    return scene([view], now, { stacks: [{ ...known(view), is_example: true }] });
  },
  "no-tray": (now) => scene([stack(nexus(now))], now, { tray: false }),
  stacks: (now) =>
    scene(
      [
        shop(now),
        stack(down(now), [redisDown]),
        stack(
          offline(now).map((one) => ({ ...one, name: `docs-${one.name}`, needs: [] })),
          [],
          "docs",
          "/home/anna/projects/docs/pilotlight.toml",
        ),
      ],
      now,
    ),
  many: (now) => scene([stack(many(now), [], "fleet")], now),
  long: (now) =>
    scene(
      [
        stack(
          [
            ...nexus(now),
            service(LONG, now, {
              port: 65535,
              pid: 4_194_303,
              restarts: 128,
              latency_ms: 12_345,
              needs: ["redis", "backend", "frontend"],
              phase: "unhealthy",
              light: "red",
              finding: { ...redisDown, service: LONG, title: `${LONG} `.repeat(4) },
            }),
          ],
          [{ ...redisDown, service: LONG, title: `${LONG} `.repeat(4).trim() }],
          "a-stack-with-a-name-that-is-far-too-long-for-any-window-to-show",
        ),
      ],
      now,
    ),
};
