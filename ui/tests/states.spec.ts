// Every state that the window can be in: it says what it has to, axe finds nothing, it fits where there is
// little room, and there is a picture of it for a person in tests/pictures.
import type { Page } from "@playwright/test";

import type { KnownStack, Update } from "../src/backend/wire";
import { DAYS, empty, known, scene, SETTINGS, snapshot, type Given } from "./scenes";
import { accessible, expect, fits, picture, test, THEMES } from "./window";

interface State {
  scene: () => Given;
  /** What leads to it, once the window is there, and what is to be seen then. */
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

const changed = (change: KnownStack["change"]) => () =>
  scene("green", { stacks: known(snapshot("green"), change) });

const STATES: Record<string, State> = {
  stopped: {
    scene: () => scene("stopped"),
    see: async (page) => {
      await reads(page, "redis", "off");
      await expect(page.getByRole("button", { name: "Start", exact: true })).toBeEnabled();
      await expect(page.getByText("Nothing has been written yet.")).toBeVisible();
    },
  },
  starting: {
    scene: () => scene("starting"),
    see: async (page) => {
      await reads(page, "redis", "ready");
      await reads(page, "backend", "starting");
      await reads(page, "frontend", "waits for backend");
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
      await reads(page, "frontend", "off");
      await reads(page, "backend", "stopping");
      await reads(page, "redis", "ready");
    },
  },
  "redis-died": {
    scene: () => scene("redis-died"),
    see: async (page) => {
      await reads(page, "redis", "killed by signal 9");
      await reads(page, "backend", "up, fails a check");
      const card = finding(page, "redis is not running: it was killed by signal 9 12 s ago");
      await expect(card).toContainText("nothing listens on 127.0.0.1:6379");
      await expect(card).toContainText("the CORS settings are right, the preflight passes");
      await expect(card.getByRole("button", { name: "Start redis" })).toBeEnabled();
    },
  },
  "port-taken": {
    scene: () => scene("port-taken"),
    see: async (page) => {
      await reads(page, "backend", "cannot start");
      const card = finding(page, "Port 8001 is taken by node (pid 31337)");
      await expect(card).toContainText("node /home/anna/old-api/server.js --port 8001");
      await expect(page.getByRole("banner")).toContainText("production");
    },
  },
  "crash-loop": {
    scene: () => scene("crash-loop"),
    see: async (page) => {
      await reads(page, "backend", "ended with code 1", "4 restarts");
      await expect(finding(page, /backend keeps ending: 5 times/)).toContainText("OPENAI_API_KEY");
    },
  },
  backoff: {
    scene: () => scene("backoff"),
    see: async (page) => reads(page, "backend", "ended with code 1", "starts again soon"),
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
      const card = finding(page, /frontend asks localhost:8000/);
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
      await reads(page, "backend", "up, but unhealthy");
      await expect(finding(page, "backend takes connections and never answers")).toBeVisible();
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
      const title = /^gateway-of-the-integration-of-customers-that-nobody-can-spell is not running/;
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
      await page.getByRole("tab", { name: "part-44" }).click();
      await expect(page.getByRole("tab", { name: "part-44" })).toBeInViewport();
    },
  },
  "two-stacks": {
    scene: () => scene("two-stacks"),
    see: async (page) => {
      await expect(page.getByRole("heading", { level: 1 })).toContainText("nexus");
      await page.getByRole("button", { name: "billing" }).click();
      await expect(page.getByRole("heading", { level: 1 })).toContainText("billing");
      await reads(page, "database", "watched only");
      await expect(finding(page, /Redis/)).toHaveCount(0);
    },
  },
  "first-run": {
    scene: () => empty(),
    see: async (page) => {
      for (const choice of ["Open a stack file", "Look at a folder", "Try the example"]) {
        await expect(page.getByRole("button", { name: choice })).toBeEnabled();
      }
    },
  },
  draft: {
    scene: () => empty(),
    see: async (page) => {
      await page.evaluate(() => {
        window.fake.answer("pickFolder", async () => "/home/anna/nexus");
        window.fake.answer("lookAtFolder", async () => ({
          file: "/home/anna/nexus/pilotlight.toml",
          text: '[service.backend]\ncommand = "uvicorn main:app --port {port}"\nport = 8001\n',
          found: [
            { text: "a FastAPI application in `main.py`", source: "backend/main.py" },
            { text: "Redis, which it connects to", source: "backend/sessions.py, line 12" },
          ],
          exists: false,
        }));
      });
      await page.getByRole("button", { name: "Look at a folder" }).click();
      const dialog = page.getByRole("dialog", { name: "A draft of pilotlight.toml" });
      await expect(dialog.getByRole("textbox")).toHaveValue(/uvicorn main:app/);
      await expect(dialog).toContainText("backend/sessions.py, line 12");
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
      await page.getByRole("button", { name: "More" }).click();
      await expect(page.getByRole("menuitem").first()).toBeFocused();
    },
  },
  quit: {
    scene: () => scene("green"),
    see: async (page) => {
      await say(page, { kind: "quit_asked" });
      const dialog = page.getByRole("dialog", { name: "Quit Pilot Light?" });
      await expect(dialog).toContainText("3 services run");
      for (const name of ["Cancel", "Leave running", "Stop all and quit"]) {
        await expect(dialog.getByRole("button", { name })).toBeEnabled();
      }
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
      const banner = page.getByRole("region", { name: "The stack file is gone" });
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

test("every day that the core knows is one of the states", () => {
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
    });
  }
}

test("with 380 pixels axe finds nothing either", async ({ page, open }) => {
  await page.setViewportSize({ width: 380, height: 760 });
  await open(scene("several"), { theme: "light" });
  await accessible(page);
  await say(page, { kind: "settings", settings: { ...SETTINGS, theme: "dark" } });
  await accessible(page);
});

test("a theme that was chosen goes before that of the system", async ({ page, open }) => {
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

test("a host that does not answer is said, and asked again", async ({ page, open }) => {
  await open(scene("green"));
  await page.goto("fake.html?still&lost");
  await expect(page.getByText(/Your services keep running/)).toBeVisible();
  await picture(page, "lost-dark");
  await accessible(page);
  await page.evaluate(() => window.fake.answer("subscribe", async () => undefined));
  await page.getByRole("button", { name: /again/i }).click();
  await expect(page.getByRole("heading", { level: 1 })).toContainText("nexus");
});
