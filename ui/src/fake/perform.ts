import type { FakeBackend } from "../backend/fake";
import type {
  CheckResult,
  KnownStack,
  Outcome,
  ServiceView,
  StackView,
  Update,
} from "../backend/wire";

type Whole = Extract<Update, { kind: "whole" }>;

/** Makes the fake imitate the requests: services start and stop, settings are kept. */
export function perform(fake: FakeBackend, whole: Whole): void {
  let views: StackView[] = whole.snapshot.stacks;
  let stacks: KnownStack[] = whole.stacks;
  let settings = whole.settings;

  const say = () => fake.say({ kind: "snapshot", snapshot: { stacks: views } });

  function set(file: string, name: string, given: Partial<ServiceView>): void {
    views = views.map((view) => {
      if (view.file !== file) return view;
      const services = view.services.map((one) =>
        one.name === name ? { ...one, since: new Date().toISOString(), ...given } : one,
      );
      const order = ["off", "green", "amber", "red"] as const;
      const light = order[Math.max(...services.map((one) => order.indexOf(one.light)))] ?? "off";
      return { ...view, services, light, findings: [] };
    });
    say();
  }

  const view = (file: string) => views.find((one) => one.file === file);
  const pause = (milliseconds: number) => new Promise((done) => setTimeout(done, milliseconds));

  async function start(file: string, names: string[]): Promise<Outcome> {
    const asked = view(file)?.services.filter(
      (one) =>
        (names.length === 0 || names.includes(one.name)) && one.light !== "green" && !one.external,
    );
    for (const one of asked ?? []) {
      const waiting = one.needs.filter((need) => asked?.some((other) => other.name === need));
      set(file, one.name, { phase: "stopped", light: "amber", waiting_for: waiting });
    }
    for (const one of asked ?? []) {
      const pid = 6000 + Math.round(Math.random() * 999);
      const started = new Date().toISOString();
      set(file, one.name, { phase: "starting", light: "amber", waiting_for: [], pid, started });
      await pause(1_400);
      set(file, one.name, { phase: "ready", light: "green", latency_ms: 1.2, finding: null });
    }
    return "done";
  }

  async function stop(file: string, names: string[]): Promise<Outcome> {
    const asked = view(file)?.services.filter(
      (one) => (names.length === 0 || names.includes(one.name)) && one.pid !== null,
    );
    for (const one of [...(asked ?? [])].reverse()) {
      set(file, one.name, { phase: "stopping", light: "amber" });
      await pause(500);
      set(file, one.name, { phase: "stopped", light: "off", pid: null, started: null });
    }
    return "done";
  }

  fake.answer("start", start);
  fake.answer("stop", stop);
  fake.answer("restart", async (file, names) => {
    await stop(file, names);
    return start(file, names);
  });
  fake.answer("carryOut", (file, action) =>
    "service" in action && action.kind !== "stop" ? start(file, [action.service]) : "done",
  );
  fake.answer("previewRemedy", (_file, action) => {
    if (action.kind === "edit-stack-file") {
      const lines = action.changes.flatMap((change) => [
        `@@ line ${change.line} @@`,
        " [service.backend.env]",
        ...change.old.map((line) => `-${line}`),
        ...change.new.map((line) => `+${line}`),
      ]);
      return { text: "This changes one line of the stack file.", diff: lines.join("\n") };
    }
    if (action.kind === "free-port") {
      return { text: `This ends python3 (pid 4242), which has port ${action.port}.`, diff: null };
    }
    return { text: "This does what it says.", diff: null };
  });
  fake.answer("setSettings", (wanted) => {
    settings = wanted;
    fake.say({ kind: "settings", settings });
    return "done";
  });
  fake.answer("setStartAtLogin", (file, on) => {
    stacks = stacks.map((one) => (one.file === file ? { ...one, start_at_login: on } : one));
    fake.say({ kind: "stacks", stacks });
    return "done";
  });
  fake.answer("describe", (file, service) => ({
    command: service === "redis" ? "redis-server --port 6379 --save ''" : "uvicorn main:app --port 8001",
    folder: file.replace(/\/[^/]*$/, `/${service}`),
    probes:
      service === "redis" ? ["Redis PING to redis://127.0.0.1:6379/0"] : ["GET http://localhost:8001/v1/health"],
    checks:
      service === "backend"
        ? [{ name: "create a session", request: "POST http://localhost:8001/v1/sessions/" }]
        : [],
    variables: [
      { name: "LOG_LEVEL", value: "info", source: null },
      { name: "OPENAI_API_KEY", value: "***", source: ".env" },
    ],
    unreadable: null,
    processes: [
      { pid: 4242, parent: null, command: "uvicorn main:app --port 8001 --reload" },
      { pid: 4250, parent: 4242, command: "python -m multiprocessing.spawn" },
      { pid: 4251, parent: 4250, command: "python worker.py" },
    ],
    runs: [7, 6, 5].map((run, at) => ({
      run,
      started: new Date(Date.now() - (at * 7_200 + 4_320) * 1_000).toISOString(),
      last_output: new Date(Date.now() - (at * 7_200 + at) * 1_000).toISOString(),
      bytes: 48_000 * (at + 1),
    })),
  }));
  fake.answer("events", (file) =>
    (["started", "ready", "exited", "restarted", "ready"] as const).map((event, at) => ({
      time: new Date(Date.now() - (5 - at) * 61_000).toISOString(),
      stack: "nexus",
      file,
      service: at < 2 ? "redis" : "backend",
      event,
      ...(event === "exited" ? { exit: { code: 1 } } : {}),
    })),
  );
  fake.answer("reveal", () => "sk-not-a-real-key");
  fake.answer("runChecks", async (_file, service) => {
    await pause(400);
    const probe = service === "redis" ? "Redis PING" : "GET http://localhost:8001/v1/health";
    const results = [
      { name: null, request: probe, status: 200, took_ms: 1.4, fault: null, body: null },
    ] as CheckResult[];
    if (service === "backend") {
      results.push({
        name: "create a session",
        request: "POST http://localhost:8001/v1/sessions/",
        status: 500,
        took_ms: 12,
        fault: "POST http://localhost:8001/v1/sessions/ answers 500",
        body: '{"detail":"Internal Server Error"}',
      });
    }
    return results;
  });
  fake.answer("probePaths", () => ({ backend: ["/v1/health"] }));
  fake.answer("applyChange", (file) => {
    stacks = stacks.map((one) => (one.file === file ? { ...one, change: null } : one));
    fake.say({ kind: "stacks", stacks });
    return "done";
  });
  fake.answer("pickFolder", () => "/home/anna/projects/nexus");
  fake.answer("lookAtFolder", (path, _running, without) => ({
    file: `${path}/pilotlight.toml`,
    text: without.reduce(leaveOut, DRAFT),
    found: [
      {
        service: "redis",
        text: "redis, port 6379: a Redis server, named in requirements.txt",
        source: "backend/requirements.txt",
      },
      {
        service: "backend",
        text: "backend, port 8001: a FastAPI application",
        source: "backend/main.py",
      },
      {
        service: "frontend",
        text: "frontend, port 5173: Vite, with `npm run dev`",
        source: "frontend/package.json",
      },
    ],
    exists: false,
  }));
  fake.answer("answerQuit", async (choice) => {
    if (choice !== "stop_all") return;
    for (let left = 3; left >= 0; left--) {
      fake.say({ kind: "quitting", stopping: left });
      await pause(700);
    }
  });
}

/** The stack file without a service. */
function leaveOut(text: string, service: string): string {
  const blocks = text.split("\n\n");
  return blocks.filter((block) => !block.includes(`[service.${service}]`)).join("\n\n");
}

const DRAFT = `name = "nexus"

[service.redis]
command = ["redis-server", "--port", "{port}", "--save", ""]
port = 6379
ready = { redis = "redis://127.0.0.1:{port}/0" }

[service.backend]
command = "uvicorn main:app --port {port}"
directory = "backend"
port = 8001
needs = ["redis"]
ready = { http = "http://localhost:{port}/v1/health" }

[service.frontend]
command = "npm run dev -- --port {port} --strictPort"
directory = "frontend"
port = 5173
needs = ["backend"]
`;
