// Every state of the window: its texts are right, axe finds nothing, it fits into narrow windows, and a picture
// for people is stored in tests/pictures.
import type { Page } from "@playwright/test";

import type { KnownStack, Update } from "../src/backend/wire";
import { DAYS, empty, known, scene, SETTINGS, snapshot, type Given } from "./scenes";
import { accessible, asked, expect, fits, picture, test, THEMES } from "./window";

interface State {
  scene: () => Given;
  /** The steps that lead to the state, and the expectations. */
  see: (page: Page) => Promise<void>;
}

const row = (page: Page, service: string) => page.locator(`[data-service="${service}"]`);

async function reads(page: Page, service: string, ...texts: string[]) {
  for (const text of texts) await expect(row(page, service)).toContainText(text);
}

const finding = (page: Page, title: string | RegExp) => page.getByRole("region", { name: title });

function say(page: Page, ...updates: Update[]) {
  return page.evaluate((all) => {
    for (const update of all) window.fake.say(update);
  }, updates);
}

const FILE = "/home/anna/nexus/pilotlight.toml";

/** Sets the details of backend in the host. */
const describe = (page: Page) =>
  page.evaluate(() => {
    window.fake.answer("describe", async () => ({
      command: "uvicorn main:app --port 8001",
      folder: "/home/anna/nexus/backend",
      probes: ["GET http://localhost:8001/v1/health"],
      checks: [{ name: "create a session", request: "POST http://localhost:8001/v1/sessions/" }],
      variables: [
        { name: "LOG_LEVEL", value: "info", source: null },
        { name: "OPENAI_API_KEY", value: "***", source: ".env" },
      ],
      unreadable: null,
      processes: [
        { pid: 4201, parent: null, command: "uvicorn main:app --port 8001 --reload" },
        { pid: 4203, parent: 4202, command: "python -c worker" },
        { pid: 4202, parent: 4201, command: "python -m multiprocessing.spawn" },
      ],
      runs: [12, 11, 10].map((run, at) => ({
        run,
        started: `2026-01-09T0${9 - at}:00:00Z`,
        last_output: `2026-01-09T0${9 - at}:41:12Z`,
        bytes: 48_000 * (at + 1),
      })),
    }));
    window.fake.answer("reveal", async () => "sk-not-a-real-key");
    window.fake.answer("runChecks", async () => [
      {
        name: null,
        request: "GET http://localhost:8001/v1/health",
        status: 200,
        took_ms: 1.4,
        fault: null,
        body: null,
      },
      {
        name: "create a session",
        request: "POST http://localhost:8001/v1/sessions/",
        status: 500,
        took_ms: 12,
        fault: "POST http://localhost:8001/v1/sessions/ answers 500",
        body: '{"detail":"Internal Server Error"}',
      },
    ]);
  });

/** Opens the details of backend at a tab, with the keyboard alone. */
async function openTab(page: Page, name: string) {
  await row(page, "backend").focus();
  await page.keyboard.press("i");
  const details = page.getByRole("complementary", { name: "backend" });
  await details.getByRole("tab", { name: "Overview" }).focus();
  for (const tab of ["Checks", "Environment", "Runs", "Events", "Graphs"]) {
    await page.keyboard.press("ArrowRight");
    await expect(details.getByRole("tab", { name: tab })).toBeFocused();
    if (tab === name) break;
  }
  return details;
}

const changed = (change: KnownStack["change"]) => () =>
  scene("green", { stacks: known(snapshot("green"), change) });

const STATES: Record<string, State> = {
  stopped: {
    scene: () => scene("stopped"),
    see: async (page) => {
      await reads(page, "redis", "stopped");
      await expect(page.getByRole("button", { name: "Start", exact: true })).toBeEnabled();
      await expect(page.getByText("No output yet.")).toBeVisible();
    },
  },
  starting: {
    scene: () => scene("starting"),
    see: async (page) => {
      await reads(page, "redis", "ready");
      await reads(page, "backend", "starting");
      await reads(page, "frontend", "waiting for backend");
      const progress = page.getByRole("progressbar", { name: "Services ready" });
      await expect(progress).toHaveAttribute("aria-valuenow", "1");
    },
  },
  green: {
    scene: () => scene("green"),
    see: async (page) => {
      for (const service of ["redis", "backend", "frontend"]) await reads(page, service, "ready");
      await reads(page, "backend", "8001", "4201", "1.5 ms", "1 h 12 m");
      await expect(page.getByRole("banner")).toContainText("up 1 h 12 m");
    },
  },
  stopping: {
    scene: () => scene("stopping"),
    see: async (page) => {
      await reads(page, "frontend", "stopped");
      await reads(page, "backend", "stopping");
      await reads(page, "redis", "ready");
    },
  },
  "redis-died": {
    scene: () => scene("redis-died"),
    see: async (page) => {
      await reads(page, "redis", "failed", "killed (SIGKILL)");
      await reads(page, "backend", "check failing");
      const card = finding(page, "redis is not running: it was killed by signal 9");
      await expect(card).toContainText("nothing listens on 127.0.0.1:6379");
      await expect(card).toContainText("the CORS settings are right, the preflight passes");
      await expect(card.getByRole("button", { name: "Start redis" })).toBeEnabled();
    },
  },
  "port-taken": {
    scene: () => scene("port-taken"),
    see: async (page) => {
      await reads(page, "backend", "blocked");
      const card = finding(page, "port 8001 is in use by node (PID 31337)");
      await expect(card).toContainText("node /home/anna/old-api/server.js --port 8001");
      await expect(page.getByRole("banner")).toContainText("production");
    },
  },
  "crash-loop": {
    scene: () => scene("crash-loop"),
    see: async (page) => {
      await reads(page, "backend", "failed", "exited with code 1", "4 restarts");
      await expect(finding(page, /backend keeps crashing: 5 exits/)).toContainText("OPENAI_API_KEY");
    },
  },
  backoff: {
    scene: () => scene("backoff"),
    see: async (page) => reads(page, "backend", "restarting", "exited with code 1"),
  },
  "module-missing": {
    scene: () => scene("module-missing"),
    see: async (page) => {
      const card = finding(page, /the Python module fastapi is not installed/);
      await card.getByRole("button", { name: /^Run pip install/ }).click();
      await expect(card.getByRole("button", { name: "Run it" })).toBeFocused();
      await expect(card).toContainText("pip install -r requirements.txt");
    },
  },
  "remedy-with-diff": {
    scene: () => scene("frontend-misdirected"),
    see: async (page) => {
      const card = finding(page, /frontend calls localhost:8000/);
      await page.evaluate(() => {
        window.fake.answer("previewRemedy", async () => ({
          text: "changes one line of pilotlight.toml",
          diff: `--- pilotlight.toml
+++ pilotlight.toml
@@ -44,5 +44,5 @@
 port = 5173
 needs = ["backend"]
-env = { VITE_API_URL = "http://localhost:8000" }
+env = { VITE_API_URL = "http://localhost:8001" }
 env_points_at = { VITE_API_URL = "backend" }
`,
        }));
      });
      await card.getByRole("button", { name: "Show the change…" }).click();
      await expect(card.getByText('env = { VITE_API_URL = "http://localhost:8001" }')).toBeVisible();
      await expect(card.getByRole("button", { name: "Change the stack file" })).toBeFocused();
    },
  },
  hung: {
    scene: () => scene("hung"),
    see: async (page) => {
      await reads(page, "backend", "unhealthy");
      await expect(finding(page, "backend accepts connections but never responds")).toBeVisible();
    },
  },
  several: {
    scene: () => scene("several"),
    see: async (page) => {
      await expect(finding(page, /the Node package vite is not installed/)).toBeVisible();
      const second = finding(page, /redis is not running/);
      await expect(second.getByText("nothing listens on")).toBeHidden();
      await second.getByRole("button", { name: /redis is not running/ }).click();
      await second.getByText("Evidence", { exact: true }).click();
      await expect(second.getByText("nothing listens on")).toBeVisible();
    },
  },
  "port-was-freed": {
    scene: () => scene("port-was-freed"),
    see: async (page) => reads(page, "backend", "ready", "python3.11"),
  },
  "long-names": {
    scene: () => scene("long-names"),
    see: async (page) => {
      const title = /^gateway-of-the-integration-of-customers-that-is-hard-to-spell is not running/;
      await expect(finding(page, title)).toBeVisible();
      await reads(page, "customer-relationship-notification-dispatcher-worker", "ready");
    },
  },
  fifty: {
    scene: () => scene("fifty"),
    see: async (page) => {
      await expect(page.getByRole("rowheader")).toHaveCount(50);
      await row(page, "part-50").scrollIntoViewIfNeeded();
      await expect(row(page, "part-50")).toBeInViewport();
      await page.getByRole("button", { name: "Log of all services" }).click();
      await page.getByRole("combobox", { name: "Find a service" }).fill("t-44");
      await accessible(page);
      await page.keyboard.press("Enter");
      await expect(page.getByRole("button", { name: "Log of part-44", exact: true })).toBeFocused();
      await expect(page.getByRole("region", { name: "Log of part-44" })).toBeVisible();
    },
  },
  "two-stacks": {
    scene: () => scene("two-stacks"),
    see: async (page) => {
      await expect(page.getByRole("heading", { level: 1 })).toContainText("nexus");
      await page.getByRole("button", { name: "billing" }).click();
      await expect(page.getByRole("heading", { level: 1 })).toContainText("billing");
      await reads(page, "database", "monitored only");
      await expect(finding(page, /redis/)).toHaveCount(0);
    },
  },
  overview: {
    scene: () => scene("two-stacks"),
    see: async (page) => {
      await page.getByRole("button", { name: "All stacks" }).click();
      const dialog = page.getByRole("dialog", { name: "All stacks" });
      await expect(dialog.getByRole("listitem")).toHaveCount(2);
      await dialog.getByRole("button", { name: /^(Start|Stop) billing$/ }).click();
      const [[what, file]] = (await asked(page)) as [[string, string]];
      expect(["start", "stop"]).toContain(what);
      expect(file).toContain("billing");
    },
  },
  "first-run": {
    scene: () => empty(),
    see: async (page) => {
      for (const choice of ["Add project folder", "Learn from what is running", "Try the example", "Open a stack file"]) {
        await expect(page.getByRole("button", { name: choice })).toBeEnabled();
      }
    },
  },
  example: {
    scene: () => {
      const green = scene("green");
      const stacks = known(green.whole.snapshot).map((stack) => ({ ...stack, is_example: true }));
      return scene("green", { stacks });
    },
    see: async (page) => {
      await page.evaluate(() => {
        window.fake.answer("breakExample", async () => "redis (PID 4201) was killed");
      });
      await page.getByRole("button", { name: "Break something" }).click();
      await expect(page.getByRole("menuitem")).toHaveCount(6);
      await page.getByRole("menuitem", { name: "Kill the store" }).click();
      await expect(page.getByRole("region", { name: "Messages" })).toContainText("Redis (PID 4201) was killed.");
      expect(await asked(page)).toEqual([["breakExample", FILE, "store"], ["doctor", FILE]]);
      await page.getByRole("button", { name: "Break something" }).click();
    },
  },
  draft: {
    scene: () => empty(),
    see: async (page) => {
      await page.evaluate(() => {
        const backend = '[service.backend]\ncommand = "uvicorn main:app --port {port}"\nport = 8001\n';
        window.fake.answer("pickFolder", async () => "/home/anna/nexus");
        window.fake.answer("lookAtFolder", async (_path, _running, without) => ({
          file: "/home/anna/nexus/pilotlight.toml",
          text: without.includes("redis") ? backend : `[service.redis]\ncommand = "redis-server"\n\n${backend}`,
          found: [
            { service: "redis", text: "redis: the backend connects to it", source: "backend/sessions.py, line 12" },
            { service: "backend", text: "backend, port 8001: a FastAPI application", source: "backend/main.py" },
            { service: null, text: "Which Redis? a new one, as below", source: null },
          ],
          exists: false,
        }));
      });
      await page.getByRole("button", { name: "Add project folder" }).click();
      const dialog = page.getByRole("dialog", { name: "Review pilotlight.toml" });
      await expect(dialog).toContainText("backend/sessions.py, line 12");
      await dialog.getByRole("checkbox", { name: /^redis/ }).uncheck();
      await dialog.getByText("Edit the file").click();
      const file = dialog.getByRole("textbox", { name: "pilotlight.toml" });
      await expect(file).toHaveValue(/^\[service\.backend\]/);
      await file.press("End");
      await file.press("Space");
      await expect(dialog.getByRole("checkbox", { name: /^redis/ })).toBeDisabled();
      await dialog.getByRole("button", { name: "Discard changes" }).click();
      await expect(dialog.getByRole("checkbox", { name: /^redis/ })).toBeEnabled();
    },
  },
  settings: {
    scene: () => scene("two-stacks"),
    see: async (page) => {
      await page.keyboard.press(",");
      const dialog = page.getByRole("dialog", { name: "Settings" });
      await expect(dialog.getByRole("checkbox", { name: /nexus/ })).toBeChecked();
      await expect(dialog.getByRole("checkbox", { name: /billing/ })).not.toBeChecked();
      await expect(dialog.getByRole("radio", { name: /^Ask/ })).toBeChecked();
    },
  },
  help: {
    scene: () => scene("green"),
    see: async (page) => {
      await page.keyboard.press("?");
      await expect(page.getByRole("dialog", { name: "Keyboard" })).toContainText("search the log");
    },
  },
  menu: {
    scene: () => scene("green"),
    see: async (page) => {
      await page.evaluate(() => window.fake.answer("share", async () => "# nexus"));
      await page.getByRole("button", { name: "More" }).click();
      await page.getByRole("menuitem", { name: "Copy for a teammate" }).click();
      await expect(page.getByRole("region", { name: "Messages" })).toContainText(/Copied|Could not copy/);
      await page.getByRole("button", { name: "More" }).click();
      await expect(page.getByRole("menuitem").first()).toBeFocused();
    },
  },
  quit: {
    scene: () => scene("green"),
    see: async (page) => {
      await say(page, { kind: "quit_asked" });
      const dialog = page.getByRole("dialog", { name: "Quit Pilot Light?" });
      await expect(dialog).toContainText("3 services are running");
      for (const name of ["Cancel", "Leave running", "Stop all and quit"]) {
        await expect(dialog.getByRole("button", { name })).toBeEnabled();
      }
    },
  },
  palette: {
    scene: () => scene("green"),
    see: async (page) => {
      await page.keyboard.press("Control+k");
      const dialog = page.getByRole("dialog", { name: "Commands" });
      await dialog.getByRole("combobox", { name: "Command" }).fill("restart back");
      await expect(dialog.getByRole("option")).toHaveText(["Restart backend"]);
    },
  },
  details: {
    scene: () => scene("redis-died"),
    see: async (page) => {
      await describe(page);
      await row(page, "backend").getByText("backend", { exact: true }).click();
      const details = page.getByRole("complementary", { name: "backend" });
      await expect(details).toContainText("uvicorn main:app --port 8001");
      for (const process of ["4201", "4202", "4203"]) await expect(details).toContainText(process);
      // A snapshot without a change of the service requests nothing.
      const questions = () =>
        page.evaluate(() => window.fake.asked.filter(({ what }) => what === "describe").length);
      const before = await questions();
      await say(page, { kind: "snapshot", snapshot: structuredClone(scene("redis-died").whole.snapshot) });
      await expect(details).toContainText("uvicorn main:app --port 8001");
      expect(await questions()).toBe(before);
      await details.getByRole("button", { name: "Open folder" }).click();
      expect(await asked(page)).toEqual([["openFolder", FILE, "backend"]]);
    },
  },
  "details-checks": {
    scene: () => scene("redis-died"),
    see: async (page) => {
      await describe(page);
      const details = await openTab(page, "Checks");
      await expect(details).toContainText(/create a session[^]*failing/);
      await details.getByRole("button", { name: "Run", exact: true }).click();
      await expect(details).toContainText("answers 500");
      await expect(details).toContainText('{"detail":"Internal Server Error"}');
      await expect(details).toContainText("1.4 ms");
    },
  },
  "details-environment": {
    scene: () => scene("redis-died"),
    see: async (page) => {
      await describe(page);
      const details = await openTab(page, "Environment");
      await expect(details).toContainText(/OPENAI_API_KEY\s*\.env\s*\*\*\*/);
      await expect(details).not.toContainText("sk-not-a-real-key");
      await details.getByRole("button", { name: "Reveal OPENAI_API_KEY" }).click();
      await expect(details).toContainText("sk-not-a-real-key");
      await details.getByRole("button", { name: "Hide OPENAI_API_KEY" }).click();
      await expect(details).not.toContainText("sk-not-a-real-key");
    },
  },
  "details-runs": {
    scene: () => scene("redis-died"),
    see: async (page) => {
      await describe(page);
      const details = await openTab(page, "Runs");
      await expect(details.getByRole("listitem")).toHaveCount(3);
      await expect(details.getByRole("listitem").first()).toContainText("running");
      await details.getByRole("button", { name: "Show the log of run 11" }).click();
      await expect(page.getByText("No output from run 11.")).toBeVisible();
      await expect(page.getByRole("button", { name: "Run 11, show all runs" })).toBeVisible();
    },
  },
  "details-graphs": {
    scene: () => scene("redis-died"),
    see: async (page) => {
      await describe(page);
      await page.evaluate((file) => {
        window.fake.answer("events", async () => [
          { time: "2026-01-09T11:12:00Z", stack: "nexus", file, service: "backend", event: "ready" },
        ]);
      }, FILE);
      const details = await openTab(page, "Graphs");
      await expect(details.getByRole("figure", { name: /^CPU: [\d.]+ %, at most/ })).toBeVisible();
      await expect(details.getByRole("figure", { name: /^Latency: not known/ })).toBeVisible();
      await details.getByRole("button", { name: "1 h" }).click();
      await expect(details.getByRole("figure", { name: /^Memory: / })).toBeVisible();
      expect((await asked(page)).filter(([what]) => what === "usageOf")[0]).toEqual(["usageOf", FILE, "backend"]);
    },
  },
  events: {
    scene: () => scene("redis-died"),
    see: async (page) => {
      await page.evaluate((file) => {
        window.fake.answer("events", async () => [
          { time: "2026-01-09T10:00:00Z", stack: "nexus", file, service: "redis", event: "ready" },
          { time: "2026-01-09T11:04:12Z", stack: "nexus", file, service: "redis", event: "exited", exit: { signal: 9 } },
          { time: "2026-01-09T11:04:13Z", stack: "nexus", file, event: "finding", message: "redis is not running" },
          { time: "2026-01-09T11:04:15Z", stack: "nexus", file, service: "redis", event: "started", by: "Claude Code" },
        ]);
      }, FILE);
      await page.getByRole("button", { name: "More" }).click();
      await page.getByRole("menuitem", { name: "Events" }).click();
      const dialog = page.getByRole("dialog", { name: "Events of nexus" });
      await expect(dialog.getByRole("listitem")).toHaveText([
        /11:04:15\s*redis\s*started\s*by Claude Code/,
        /11:04:13\s*problem found\s*redis is not running/,
        /11:04:12\s*redis\s*killed \(SIGKILL\)/,
        /10:00:00\s*redis\s*ready/,
      ]);
    },
  },
  graph: {
    scene: () => scene("redis-died"),
    see: async (page) => {
      await page.keyboard.press("g");
      const graph = page.getByRole("group", { name: "Services of nexus" });
      await expect(graph.getByRole("button")).toHaveCount(3);
      await expect(graph.locator("path.failing")).toHaveCount(1);
      await page.keyboard.press("ArrowDown");
      await page.keyboard.press("ArrowDown");
      await expect(graph.getByRole("button", { name: /^backend: check failing/ })).toBeFocused();
      await page.keyboard.press("Enter");
      await expect(page.getByRole("complementary", { name: "backend" })).toBeVisible();
      await page.keyboard.press("i");
    },
  },
  "graph-of-fifty": {
    scene: () => scene("fifty"),
    see: async (page) => {
      await page.keyboard.press("g");
      await expect(page.getByRole("group", { name: "Services of everything" }).getByRole("button")).toHaveCount(50);
    },
  },
  "last-start": {
    scene: () => {
      const given = scene("green");
      const at = (seconds: number) => new Date(given.now - 60_000 + seconds * 1_000).toISOString();
      const times = { redis: [0, 0.3], backend: [0.31, 2.01], frontend: [2.02, 2.9] } as const;
      for (const one of given.whole.snapshot.stacks[0]?.services ?? []) {
        const [started, since] = times[one.name as keyof typeof times];
        Object.assign(one, { started: at(started), since: at(since) });
      }
      return given;
    },
    see: async (page) => {
      await page.keyboard.press("Control+k");
      await page.getByRole("combobox", { name: "Command" }).fill("last start");
      await page.keyboard.press("Enter");
      const dialog = page.getByRole("dialog", { name: "Last start of nexus" });
      await expect(dialog).toContainText("2.9 s in all; slowest: backend, 1.7 s");
      await expect(dialog.getByRole("listitem")).toHaveCount(3);
      await expect(dialog.getByRole("listitem").last()).toContainText("after backend");
    },
  },
  "one-cause": {
    scene: () => {
      const given = scene("fifty");
      const [stack] = given.whole.snapshot.stacks;
      const cause = scene("module-missing").whole.snapshot.stacks[0]?.findings[0];
      if (stack === undefined || cause === undefined) throw new Error("the days have changed");
      stack.findings = ["part-03", "part-17", "part-40"].map((service) => ({
        ...cause,
        service,
        title: cause.title.replaceAll(cause.service, service),
        remedy: { ...cause.remedy, text: cause.remedy.text.replaceAll(cause.service, service) },
      }));
      for (const one of stack.services) {
        if (!["part-03", "part-17", "part-40"].includes(one.name)) continue;
        one.phase = "failed";
        one.light = "red";
        one.pid = null;
        one.last_exit = { code: 1 };
      }
      stack.light = "red";
      return given;
    },
    see: async (page) => {
      await expect(page.getByRole("heading", { level: 2 })).toHaveCount(1);
      await expect(finding(page, /· 3 services/)).toContainText("part-40");
      // Problems come first, so that the failing rows are visible.
      await expect(page.getByRole("rowheader").first()).toContainText("part-03");
      await expect(row(page, "part-40")).toBeInViewport();
      await page.keyboard.press("f");
      // The day itself also has one.
      await expect(page.getByRole("rowheader")).toHaveCount(4);
      await expect(page.getByRole("button", { name: "Problems 4" })).toHaveAttribute("aria-pressed", "true");
      await page.keyboard.press("f");
      await expect(page.getByRole("rowheader")).toHaveCount(50);
    },
  },
  quitting: {
    scene: () => scene("green"),
    see: async (page) => {
      await say(page, { kind: "quit_asked" });
      await say(page, { kind: "quitting", stopping: 2 });
      await expect(page.getByRole("dialog")).toContainText("2 services still to stop");
      await page.keyboard.press("Escape");
      await expect(page.getByRole("dialog")).toBeVisible();
    },
  },
  "file-changed": {
    scene: changed({ kind: "valid", services: ["backend", "frontend"] }),
    see: async (page) => {
      const banner = page.getByRole("region", { name: "The stack file changed" });
      await expect(banner).toContainText("2 services changed");
      await expect(banner.getByRole("button", { name: "Apply" })).toBeEnabled();
    },
  },
  "file-invalid": {
    scene: changed({
      kind: "invalid",
      message: "there is no key `prot`; did you mean `port`?",
      line: 6,
      column: 1,
      excerpt: "5 | [service.redis]\n6 | prot = 6379\n  | ^^^^ here",
    }),
    see: async (page) => {
      const banner = page.getByRole("region", { name: "The stack file cannot be read" });
      await expect(banner).toContainText("line 6, column 1");
      await expect(banner).toContainText("did you mean port?");
    },
  },
  "file-missing": {
    scene: changed({ kind: "missing" }),
    see: async (page) => {
      const banner = page.getByRole("region", { name: "The stack file is missing" });
      await expect(banner).toContainText("/home/anna/nexus");
    },
  },
  "no-tray": {
    scene: () => scene("green", { tray: false }),
    see: async (page) => {
      await expect(page.getByRole("region", { name: "No tray" })).toBeVisible();
      await say(page, { kind: "tray", tray: true });
      await expect(page.getByRole("region", { name: "No tray" })).toBeHidden();
      await say(page, { kind: "tray", tray: false });
      await expect(page.getByRole("region", { name: "No tray" })).toBeVisible();
    },
  },
  messages: {
    scene: () => scene("green"),
    see: async (page) => {
      await say(page, { kind: "remark", text: "redis was taken over from an earlier Pilot Light" });
      await page.evaluate(() => {
        window.fake.answer("restart", async () => ({ refused: "another `down` is under way" }));
      });
      await page.getByRole("button", { name: "Restart backend" }).click();
      await expect(page.getByRole("alert")).toContainText("under way");
      await expect(page.getByRole("region", { name: "Messages" })).toContainText("taken over");
    },
  },
};

test("every day of the core is one of the states", () => {
  const shown = Object.values(STATES).map(({ scene: make }) => JSON.stringify(make().whole.snapshot));
  for (const day of DAYS) expect(shown, day).toContain(JSON.stringify(snapshot(day)));
});

for (const [name, state] of Object.entries(STATES)) {
  for (const theme of THEMES) {
    test(`${name}, ${theme}`, async ({ page, open }) => {
      await open(state.scene(), { theme });
      await state.see(page);
      await picture(page, `${name}-${theme}`);
      await accessible(page);
      await fits(page);
      await page.setViewportSize({ width: 380, height: 760 });
      await picture(page, `${name}-${theme}-narrow`);
      await fits(page);
      await page.setViewportSize({ width: 1400, height: 860 });
      await picture(page, `${name}-${theme}-wide`);
      await fits(page);
    });
  }
}

test("axe finds nothing at a width of 380 pixels", async ({ page, open }) => {
  await page.setViewportSize({ width: 380, height: 760 });
  await open(scene("several"), { theme: "light" });
  await accessible(page);
  await say(page, { kind: "settings", settings: { ...SETTINGS, theme: "dark" } });
  await accessible(page);
});

test("the selected theme overrides that of the system", async ({ page, open }) => {
  const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  await open(scene("green"), { theme: "dark" });
  const dark = await background();
  await say(page, { kind: "settings", settings: { ...SETTINGS, theme: "light" } });
  await expect.poll(background).not.toBe(dark);
  const light = await background();
  await page.emulateMedia({ colorScheme: "light" });
  expect(await background()).toBe(light);
  await say(page, { kind: "settings", settings: { ...SETTINGS, theme: "dark" } });
  await expect.poll(background).toBe(dark);
  await accessible(page);
});

test("nothing moves for ever", async ({ page, open }) => {
  await open(scene("starting"));
  await page.emulateMedia({ reducedMotion: "no-preference" });
  const endless = () =>
    page.evaluate(() =>
      document
        .getAnimations()
        .filter((one) => one.effect?.getComputedTiming().endTime === Infinity)
        .map((one) => (one as CSSAnimation).animationName),
    );
  for (const name of ["starting", "redis-died", "crash-loop", "backoff", "stopping", "green"]) {
    await say(page, { kind: "snapshot", snapshot: scene(name).whole.snapshot });
    expect(await endless(), name).toEqual([]);
  }
});

test("every second only texts change", async ({ page, open }) => {
  const given = scene("redis-died");
  await open(given);
  const age = page.getByRole("region", { name: /redis is not running/ });
  const later = (seconds: number) =>
    page.evaluate((now) => {
      Date.now = () => now;
    }, given.now + seconds * 1_000);
  // Charts move in steps of five seconds: the next second is within one.
  await later(1);
  await expect(age).toContainText("13 s ago");
  await page.evaluate(() => {
    window.changes = [];
    new MutationObserver((records) => {
      for (const { type, target } of records) window.changes?.push(`${type} ${target.nodeName} ${target.textContent}`);
    }).observe(document.body, { subtree: true, childList: true, attributes: true, characterData: true });
  });
  await later(2);
  await expect(age).toContainText("14 s ago");
  const changes = (await page.evaluate(() => window.changes)) ?? [];
  expect(changes.join("\n")).toContain("14 s");
  expect(changes.filter((change) => !change.startsWith("characterData"))).toEqual([]);
});

test("a lost connection is reported and restored", async ({ page, open }) => {
  await open(scene("green"));
  await page.evaluate(() => window.fake.lose("`pilotlight ui` has ended."));
  await expect(page.getByRole("alert")).toContainText("pilotlight ui has ended.");
  await page.getByRole("button", { name: /again/i }).click();
  await expect(page.getByRole("heading", { level: 1 })).toContainText("nexus");
});

test("a browser shows no action that needs a desktop", async ({ page, open }) => {
  await page.addInitScript(() => (window.inBrowser = true));
  await open(scene("green"));
  await page.getByRole("button", { name: "More" }).click();
  await expect(page.getByRole("menuitem", { name: "Open a stack file…" })).toHaveCount(0);
  await page.getByRole("menuitem", { name: "Settings" }).click();
  const settings = page.getByRole("dialog", { name: "Settings" });
  await expect(settings.getByText("Theme")).toBeVisible();
  await expect(settings.getByText("Start at login")).toHaveCount(0);
  await picture(page, "settings-browser-dark");
  await accessible(page);
});

test("a host that does not answer is reported, and the request is repeated", async ({ page, open }) => {
  await open(scene("green"));
  await page.goto("fake.html?still&lost");
  await expect(page.getByText(/Your services keep running/)).toBeVisible();
  await picture(page, "lost-dark");
  await accessible(page);
  await page.evaluate(() => window.fake.answer("subscribe", async () => undefined));
  await page.getByRole("button", { name: /again/i }).click();
  await expect(page.getByRole("heading", { level: 1 })).toContainText("nexus");
});
