// All actions without a mouse.
import { scene } from "./scenes";
import { asked, expect, test } from "./window";

const FILE = "/home/anna/nexus/pilotlight.toml";

test("start, select, log, search, settings, help, quit", async ({ page, open }) => {
  await open(scene("stopped"), { performs: true });
  const row = (service: string) => page.locator(`[data-service="${service}"]`);

  await page.keyboard.press("Shift+S");
  expect(await asked(page)).toEqual([["start", FILE, []]]);
  for (const service of ["redis", "backend", "frontend"]) {
    await expect(row(service)).toContainText("ready");
  }

  await page.keyboard.press("ArrowDown");
  await expect(row("redis")).toBeFocused();
  await page.keyboard.press("ArrowDown");
  await expect(row("backend")).toBeFocused();
  await expect(row("backend")).toHaveAttribute("aria-selected", "true");

  await page.keyboard.press("Enter");
  await expect(page.getByRole("tab", { name: "backend" })).toHaveAttribute("aria-selected", "true");
  await page.evaluate(() => {
    const told = (number: number, text: string) =>
      ({ service: "backend", run: "1", number, time: null, level: null, text }) as const;
    window.fake.write([told(1, "listening on 8001"), told(2, "GET /"), told(3, "POST /")]);
  });
  await page.keyboard.press("/");
  await page.keyboard.type("get");
  await page.keyboard.press("Enter");
  await expect(page.getByText("1 of 1")).toBeVisible();
  await page.keyboard.press("Escape");
  await page.keyboard.press("Escape");
  await expect(page.getByRole("tabpanel", { name: "backend" })).toBeFocused();

  await page.keyboard.press("?");
  await expect(page.getByRole("dialog", { name: "Keyboard" })).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toHaveCount(0);

  await page.keyboard.press(",");
  const settings = page.getByRole("dialog", { name: "Settings" });
  await expect(settings).toBeVisible();
  const notifications = settings.getByRole("switch", { name: /Notifications/ });
  for (let tabs = 0; tabs < 12 && !(await notifications.evaluate((it) => it === document.activeElement)); tabs += 1) {
    await page.keyboard.press("Tab");
  }
  await page.keyboard.press("Space");
  await expect(notifications).not.toBeChecked();
  await page.keyboard.press("Escape");
  await expect(settings).toHaveCount(0);

  await page.evaluate(() => window.fake.say({ kind: "quit_asked" }));
  const quit = page.getByRole("dialog", { name: "Quit Pilot Light?" });
  await expect(quit).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(quit).toHaveCount(0);
  await page.evaluate(() => window.fake.say({ kind: "quit_asked" }));
  const leave = quit.getByRole("button", { name: "Leave running" });
  for (let tabs = 0; tabs < 6 && !(await leave.evaluate((it) => it === document.activeElement)); tabs += 1) {
    await page.keyboard.press("Tab");
  }
  await expect(leave).toBeFocused();
  await page.keyboard.press("Enter");
  const answers = (await asked(page)).filter(([what]) => what === "answerQuit");
  expect(answers).toEqual([
    ["answerQuit", "cancel"],
    ["answerQuit", "leave_running"],
  ]);
});

test("stop, restart and open act on the selected service", async ({ page, open }) => {
  await open(scene("green"));
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("x");
  await page.keyboard.press("r");
  await page.keyboard.press("o");
  expect(await asked(page)).toEqual([
    ["stop", FILE, ["backend"]],
    ["restart", FILE, ["backend"]],
    ["openLink", FILE, "backend", "docs"],
  ]);
});

test("a remedy is carried out by key", async ({ page, open }) => {
  await open(scene("redis-died"));
  const start = page.getByRole("button", { name: "Start redis" }).first();
  for (let tabs = 0; tabs < 20 && !(await start.evaluate((it) => it === document.activeElement)); tabs += 1) {
    await page.keyboard.press("Tab");
  }
  await expect(start).toBeFocused();
  await page.keyboard.press("Enter");
  expect(await asked(page)).toEqual([["carryOut", FILE, { kind: "start", service: "redis" }]]);
});

test("letters typed into the search start and stop nothing", async ({ page, open }) => {
  await open(scene("green"));
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("/");
  await page.keyboard.type("sxrod,?l[]e");
  await expect(page.getByRole("textbox", { name: "Search the log" })).toHaveValue("sxrod,?l[]e");
  expect(await asked(page)).toEqual([]);
  await expect(page.getByRole("dialog")).toHaveCount(0);
});

test("the focus is always visible", async ({ page, open }) => {
  await open(scene("redis-died"));
  const seen = new Set<string>();
  for (let tabs = 0; tabs < 40; tabs += 1) {
    await page.keyboard.press("Tab");
    const at = await page.evaluate(() => {
      const element = document.activeElement;
      if (element === null || element === document.body) return null;
      const shown = (one: Element | null): boolean => {
        if (one === null) return false;
        const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(one);
        return (outlineStyle !== "none" && Number.parseFloat(outlineWidth) >= 1) || boxShadow !== "none";
      };
      // Fields show the focus on their frames.
      const visible = shown(element) || shown(element.parentElement);
      const name = element.getAttribute("aria-label") ?? element.textContent.trim().slice(0, 30);
      return { name: `${element.tagName} ${name}`, visible };
    });
    if (at === null) break;
    seen.add(at.name);
    expect(at.visible, at.name).toBe(true);
  }
  // Head, finding, one row, splitter, tabs, search, tools, lines.
  expect(seen.size).toBeGreaterThan(15);
});
