// The log in a browser: floods, searching, following, copying.
import type { Page } from "@playwright/test";

import type { LogLine } from "../src/backend/wire";
import { flood, line, scene } from "./scenes";
import { accessible, expect, fits, picture, test, THEMES } from "./window";

const lines = (page: Page) => page.getByRole("tabpanel", { name: /^(All|redis|backend|frontend)$/ });
const rows = (page: Page) => page.locator("[data-at]");
const at = (page: Page, number: number) => page.locator(`[data-at="${number}"]`);
const search = (page: Page) => page.getByRole("textbox", { name: "Search the log" });
const press = (page: Page, name: string) => page.getByRole("button", { name, exact: true }).click();

async function write(page: Page, given: LogLine[]) {
  await page.evaluate((all) => window.fake.write(all), given);
}

/** A window whose log has these lines. */
const nexus = (log: LogLine[]) => scene("green", {}, log);

/** Gives the log the whole height. */
const TALL = { width: 960, height: 900 };

/** An upper limit of the rows that are drawn: 20 pixels each, with some beyond both ends. */
const MOST_ROWS = 900 / 20 + 30;

async function present(page: Page): Promise<string> {
  await expect(page.locator("[data-at].current")).toHaveCount(1);
  return (await page.locator("[data-at].current").getAttribute("data-at")) ?? "";
}

test("of a hundred thousand lines only a few are in the page", async ({ page, open }) => {
  await page.setViewportSize(TALL);
  await open(nexus(flood(100_000)));
  await expect(at(page, 99_999)).toBeInViewport();
  expect(await rows(page).count()).toBeLessThan(MOST_ROWS);

  for (const share of [0, 0.25, 0.5, 0.9]) {
    await lines(page).evaluate((element, part) => {
      element.scrollTop = part * element.scrollHeight;
    }, share);
    await expect(at(page, Math.round(share * 100_000) + 3)).toBeInViewport();
    expect(await rows(page).count()).toBeLessThan(MOST_ROWS);
  }
  await picture(page, "log-100000-dark");
});

test("a flood of 10,000 lines a second does not block the page", async ({ page, open }) => {
  await page.setViewportSize(TALL);
  await open(nexus([]));
  const seen = await page.evaluate(
    async (batch) => {
      const pauses: number[] = [];
      let most = 0;
      let last = performance.now();
      let over = false;
      const look = (now: number) => {
        pauses.push(now - last);
        last = now;
        most = Math.max(most, document.querySelectorAll("[data-at]").length);
        if (!over) requestAnimationFrame(look);
      };
      requestAnimationFrame(look);
      // As the backend sends them: 500 lines a message, twenty messages a second, for five seconds.
      for (let message = 0; message < 100; message += 1) {
        window.fake.write(batch.map((one, n) => ({ ...one, number: message * 500 + n + 1 })));
        await new Promise((done) => setTimeout(done, 50));
      }
      over = true;
      pauses.sort((a, b) => a - b);
      return { frames: pauses.length, longest: pauses.at(-1) ?? 0, median: pauses[pauses.length >> 1] ?? 0, most };
    },
    flood(500),
  );
  console.log(`frames ${seen.frames}, median ${seen.median.toFixed(1)} ms, longest ${seen.longest.toFixed(0)} ms`);
  await expect(at(page, 49_999)).toBeInViewport();
  expect(seen.most).toBeLessThan(MOST_ROWS);
  // A busy machine misses frames, but a page that is blocked has none.
  expect(seen.frames).toBeGreaterThan(30);
  expect(seen.longest).toBeLessThan(1500);
});

test("the end is followed until the user scrolls up, and again after the button", async ({ page, open }) => {
  await open(nexus(flood(2000)));
  await expect(at(page, 1999)).toBeInViewport();
  await write(page, flood(100, 2000));
  await expect(at(page, 2099)).toBeInViewport();

  await lines(page).hover();
  await page.mouse.wheel(0, -600);
  const follow = page.getByRole("button", { name: "Follow" });
  await expect(follow).toHaveAttribute("aria-pressed", "false");
  const [first] = await rows(page).filter({ visible: true }).all();
  const seen = await first?.getAttribute("data-at");
  await write(page, flood(250, 2100));
  const more = page.getByRole("button", { name: "250 new lines" });
  await expect(more).toBeVisible();
  expect(await rows(page).first().getAttribute("data-at")).toBe(seen);
  await picture(page, "log-new-lines-dark");
  await accessible(page);

  await more.click();
  await expect(at(page, 2349)).toBeInViewport();
  await expect(follow).toHaveAttribute("aria-pressed", "true");
  await expect(more).toHaveCount(0);
});

test("scrolling down to the end follows again", async ({ page, open }) => {
  await open(nexus(flood(500)));
  await expect(at(page, 499)).toBeInViewport();
  await lines(page).hover();
  await page.mouse.wheel(0, -300);
  await expect(page.getByRole("button", { name: "Follow" })).toHaveAttribute("aria-pressed", "false");
  // Chromium drops wheel events while the page is busy.
  await expect(async () => {
    await page.mouse.wheel(0, 3000);
    await expect(page.getByRole("button", { name: "Follow" })).toHaveAttribute("aria-pressed", "true", { timeout: 1000 });
  }).toPass();
});

test("a pause stops new lines, and loses none", async ({ page, open }) => {
  await open(nexus(flood(300)));
  await expect(at(page, 299)).toBeInViewport();
  await press(page, "Pause");
  await write(page, flood(1234, 300));
  await expect(page.getByRole("button", { name: "1,234 new lines" })).toBeVisible();
  await expect(at(page, 299)).toBeInViewport();
  await expect(at(page, 300)).toHaveCount(0);
  await press(page, "Pause");
  await expect(at(page, 1533)).toBeInViewport();
});

test("the oldest lines are removed when there are too many, and the visible ones stay", async ({ page, open }) => {
  await open(nexus(flood(131_000)));
  await expect(at(page, 130_999)).toBeInViewport();
  await lines(page).evaluate((element) => {
    element.scrollTop = element.scrollHeight / 2;
  });
  const middle = at(page, 65_510);
  await expect(middle).toBeInViewport();
  const before = await middle.boundingBox();
  await write(page, flood(5000, 131_000));
  await expect(page.getByRole("button", { name: "5,000 new lines" })).toBeVisible();
  expect(await middle.boundingBox()).toEqual(before);
});

test("matches are highlighted, counted and shown", async ({ page, open }) => {
  await open(nexus(flood(10_000)));
  await page.keyboard.press("/");
  await expect(search(page)).toBeFocused();
  await page.keyboard.type("127.0.0.1:6379");
  // One line of fourteen contains it: 11, 25, …
  await expect(page.getByText("714 found")).toBeVisible();
  expect(await page.locator("mark").count()).toBeGreaterThan(0);
  for (const mark of await page.locator("mark").allTextContents()) expect(mark).toBe("127.0.0.1:6379");

  await page.keyboard.press("Enter");
  await expect(page.getByText("714 of 714")).toBeVisible();
  expect(await present(page)).toBe("9993");
  await page.keyboard.press("Enter");
  await expect(page.getByText("1 of 714")).toBeVisible();
  expect(await present(page)).toBe("11");
  await expect(at(page, 11)).toBeInViewport();
  await page.keyboard.press("Shift+Enter");
  await expect(page.getByText("714 of 714")).toBeVisible();
  await page.keyboard.press("Shift+Enter");
  await expect(page.getByText("713 of 714")).toBeVisible();
  await picture(page, "log-search-dark");

  await page.keyboard.press("Escape");
  await expect(search(page)).toHaveValue("");
  await expect(page.locator("mark")).toHaveCount(0);
  await page.keyboard.press("Escape");
  await expect(lines(page)).toBeFocused();
});

test("patterns, their case, and their errors", async ({ page, open }) => {
  await open(nexus(flood(140)));
  await search(page).fill("info");
  await expect(page.getByText("30 found")).toBeVisible();
  await page.getByRole("button", { name: "Match case" }).click();
  await expect(page.getByText("none found")).toBeVisible();
  await search(page).fill("INFO: .*\\b500\\b");
  await expect(page.getByText("none found")).toBeVisible();
  await page.getByRole("button", { name: "Regular expression" }).click();
  await expect(page.getByText("10 found")).toBeVisible();
  await search(page).fill("(INFO");
  await expect(page.getByText(/Not a pattern: .*group/)).toBeVisible();
  await expect(search(page)).toHaveAttribute("aria-invalid", "true");
  await picture(page, "log-wrong-pattern-dark");
  await accessible(page);
  await fits(page);
});

test("n and N continue the search from anywhere in the window", async ({ page, open }) => {
  await open(nexus(flood(140)));
  await search(page).fill("ASGI");
  await expect(page.getByText("10 found")).toBeVisible();
  await page.locator('[data-service="redis"]').focus();
  await page.keyboard.press("n");
  await expect(page.getByText("10 of 10")).toBeVisible();
  await page.keyboard.press("N");
  await expect(page.getByText("9 of 10")).toBeVisible();
});

test("the last error is shown, and then the previous one", async ({ page, open }) => {
  const log = [...flood(28), ...flood(5, 28), ...Array.from({ length: 200 }, (_, n) => line(33 + n, "redis", "info", "fine"))];
  await open(nexus(log));
  await expect(at(page, 232)).toBeInViewport();
  await page.keyboard.press("e");
  // The first of its five lines.
  expect(await present(page)).toBe("21");
  await expect(at(page, 21)).toBeInViewport();
  await page.keyboard.press("e");
  await expect(at(page, 7)).toHaveClass(/current/);
  await page.getByRole("button", { name: "Last error" }).click();
  await expect(at(page, 21)).toHaveClass(/current/);
});

test("levels", async ({ page, open }) => {
  await open(nexus(flood(1400)));
  const level = page.getByRole("combobox", { name: "Which levels are shown" });
  await level.selectOption("error");
  await expect(at(page, 1399)).toHaveCount(0);
  await expect(at(page, 1397)).toBeInViewport();
  // The traceback belongs to its error.
  await expect(at(page, 1396)).toContainText("redis.hset");
  await level.selectOption("warning");
  await expect(at(page, 1399)).toBeInViewport();
  await level.selectOption("all");
  await expect(at(page, 1398)).toBeInViewport();
});

test("a level without lines is reported, and all lines can be shown again", async ({ page, open }) => {
  await open(nexus([line(0, "redis", "info", "fine"), line(1, "redis", "info", "fine too")]));
  await page.getByRole("combobox", { name: "Which levels are shown" }).selectOption("error");
  await expect(page.getByText("No lines at this level (2 hidden).")).toBeVisible();
  await accessible(page);
  await press(page, "Show all levels");
  await expect(rows(page)).toHaveCount(2);
});

test("the lines of health checks are folded, and shown on request", async ({ page, open }) => {
  const health = '"GET /v1/health HTTP/1.1" 200 OK';
  const lines = [
    line(0, "backend", "info", "begun"),
    line(1, "backend", "info", health),
    line(2, "backend", "info", health),
    line(3, "backend", "info", '"GET /v1/health HTTP/1.1" 503 Service Unavailable'),
  ];
  await open({ ...nexus(lines), probePaths: { backend: ["/v1/health"] } });
  await expect(rows(page)).toHaveCount(2);
  await accessible(page);
  await press(page, "2 health checks hidden");
  await expect(rows(page)).toHaveCount(4);
  await press(page, "Hide health checks");
  await expect(rows(page)).toHaveCount(2);
});

test("one service or all of them", async ({ page, open }) => {
  await open(nexus(flood(140)));
  await expect(at(page, 139)).toContainText("frontend");
  await page.getByRole("tab", { name: "redis" }).click();
  await expect(rows(page)).toHaveCount(10);
  await expect(rows(page).first()).toContainText("Ready to accept connections");
  await press(page, "Open the file");
  const asked = await page.evaluate(() => window.fake.asked.at(-1));
  expect(asked).toEqual({ what: "openLogFile", given: ["/home/anna/nexus/pilotlight.toml", "redis"] });
  await page.keyboard.press("l");
  await expect(at(page, 139)).toContainText("frontend");
  // Hidden logs are not followed.
  await expect.poll(() => page.evaluate(() => window.fake.following)).toBe(1);
});

test("long lines are wrapped, and the end is still followed", async ({ page, open }) => {
  const long = Array.from({ length: 3000 }, (_, n) =>
    line(n, "backend", "info", `${n} ${"a word and another ".repeat((n % 9) * 4)}end`),
  );
  await open(nexus(long));
  await page.getByRole("button", { name: "Wrap long lines" }).click();
  await expect(at(page, 2999)).toBeInViewport();
  const overlap = await rows(page).evaluateAll((all) => {
    const boxes = all.map((one) => one.getBoundingClientRect());
    return boxes.filter((box, n) => n > 0 && Math.abs(box.top - (boxes[n - 1]?.bottom ?? 0)) > 0.5).length;
  });
  expect(overlap).toBe(0);
  const beyond = await lines(page).evaluate((element) => element.scrollWidth - element.clientWidth);
  expect(beyond).toBe(0);

  // When unmeasured rows appear, the visible row stays in its place.
  await page.keyboard.press("e");
  await lines(page).evaluate((element) => {
    element.scrollTop = element.scrollHeight / 2;
  });
  await lines(page).hover();
  for (let turn = 0; turn < 15; turn += 1) await page.mouse.wheel(0, -200);
  await expect(page.getByRole("button", { name: "Follow" })).toHaveAttribute("aria-pressed", "false");
  await page.setViewportSize({ width: 380, height: 760 });
  await fits(page);
  await picture(page, "log-wrapped-dark-narrow");
});

test("the settings for times and long lines are kept", async ({ page, open }) => {
  await open(nexus(flood(14)));
  await expect(rows(page).first()).toContainText("11:11:40.000");
  await page.getByRole("button", { name: "Times" }).click();
  await expect(rows(page).first()).not.toContainText("11:11:40");
  await page.getByRole("tab", { name: "backend" }).click();
  await expect(rows(page).first()).not.toContainText("11:11:40");
});

test.describe("copying", () => {
  test.use({ permissions: ["clipboard-read", "clipboard-write"] });
  const copied = (page: Page) => page.evaluate(() => navigator.clipboard.readText());

  test("takes all shown lines, without colours", async ({ page, open }) => {
    await open(nexus(flood(2800)));
    await page.getByRole("combobox", { name: "Which levels are shown" }).selectOption("warning");
    await press(page, "Times");
    await press(page, "Copy");
    await expect(page.getByText("1,798 lines copied")).toBeAttached();
    const text = await copied(page);
    expect(text.split("\n")).toHaveLength(1799);
    expect(text.split("\n")[0]).toBe("backend WARNING:  no OPENAI_API_KEY is set, answers are canned #5");
    expect(text).not.toContain("\u001b");
  });

  test("takes a selection by mouse, even beyond the visible rows", async ({ page, open }) => {
    await open(nexus(flood(3000)));
    await expect(at(page, 2999)).toBeInViewport();
    await at(page, 2990).locator("time").click();
    await lines(page).evaluate((element) => {
      element.scrollTop = 0;
    });
    await at(page, 5).locator("time").click({ modifiers: ["Shift"] });
    await press(page, "Copy");
    await expect(page.getByText("2,986 lines copied")).toBeAttached();
    expect((await copied(page)).split("\n")[0]).toContain("no OPENAI_API_KEY is set, answers are canned #5");
  });

  test("takes a selection by key", async ({ page, open }) => {
    await open(nexus(flood(100)));
    await lines(page).focus();
    for (let times = 0; times < 3; times += 1) await page.keyboard.press("Shift+ArrowUp");
    await expect(page.locator("[data-at].chosen")).toHaveCount(3);
    await page.keyboard.press("Control+c");
    await expect.poll(async () => (await copied(page)).trim().split("\n").length).toBe(3);
    await page.keyboard.press("Escape");
    await expect(page.locator("[data-at].chosen")).toHaveCount(0);
    await page.keyboard.press("Control+a");
    await page.keyboard.press("Control+c");
    await expect.poll(async () => (await copied(page)).trim().split("\n").length).toBe(100);
  });
});

test("falls back to the older way without the Clipboard API", async ({ page, open, context }) => {
  await context.clearPermissions();
  await open(nexus(flood(14)));
  await page.evaluate(() => {
    Object.defineProperty(navigator, "clipboard", { value: undefined });
  });
  await press(page, "Copy");
  await expect(page.getByText("14 lines copied")).toBeAttached();
});

test("a log that cannot be followed is reported, and can be tried again", async ({ page, open }) => {
  await open(nexus(flood(14)));
  await page.evaluate(() => {
    window.fake.answer("followLog", () => Promise.reject(new Error("the log of redis is not readable")));
  });
  await page.getByRole("tab", { name: "redis" }).click();
  await expect(page.getByText("This log cannot be read: the log of redis is not readable")).toBeVisible();
  await picture(page, "log-failed-dark");
  await accessible(page);
  await page.evaluate(() => window.fake.answer("followLog", async () => 1));
  await press(page, "Try again");
  await expect(rows(page)).toHaveText([/Ready to accept connections/]);
  await expect(page.getByText("This log cannot be read")).toHaveCount(0);
});

for (const theme of THEMES) {
  test(`colours can be read, ${theme}`, async ({ page, open }) => {
    const E = "\u001b[";
    const colours = Array.from({ length: 256 }, (_, n) =>
      line(n, "backend", null, `${E}38;5;${n}m colour ${n} ${E}0m ${E}48;5;${n}m ground ${n} ${E}0m ${E}2;38;5;${n}m faint ${E}0m`),
    );
    await page.setViewportSize({ width: 700, height: 2400 });
    await open(nexus(colours), { theme });
    await expect(at(page, 255)).toBeInViewport();
    await picture(page, `log-colours-${theme}`);
    await accessible(page);
    await at(page, 250).click();
    await accessible(page);
  });
}

test("a hundred thousand lines are searched, filtered and wrapped quickly", async ({ page, open }) => {
  await open(nexus(flood(100_000)));
  await expect(at(page, 99_999)).toBeInViewport();
  await page.getByRole("button", { name: "Regular expression" }).click();
  await search(page).fill("conn.*refused");
  await expect(page.getByText("7,143 found")).toBeVisible();
  await page.getByRole("combobox", { name: "Which levels are shown" }).selectOption("error");
  await expect(page.getByText("7,143 found")).toBeVisible();
  await page.getByRole("button", { name: "Wrap long lines" }).click();
  await page.keyboard.press("Escape");
  await expect(rows(page).last()).toBeInViewport();
});

test("only matching lines, and all lines again", async ({ page, open }) => {
  await open(nexus(flood(1400)));
  await search(page).fill("redis.hset");
  await press(page, "Matches only");
  await expect(page.getByText("100 found")).toBeVisible();
  await expect(at(page, 1399)).toHaveCount(0);
  await expect(at(page, 1396)).toBeInViewport();
  await write(page, flood(14, 1400));
  await expect(at(page, 1410)).toBeInViewport();
  await search(page).fill("no such text");
  await expect(page.getByText("No line matches “no such text”.")).toBeVisible();
  await picture(page, "log-no-match-dark");
  await accessible(page);
  await press(page, "Show all lines");
  await expect(at(page, 1413)).toBeInViewport();
});

test("JSON lines are formatted, and shown unchanged on demand", async ({ page, open }) => {
  const json = '{"level":40,"time":1767957100000,"msg":"slow request","path":"/v1","took":812}';
  await open(nexus([line(0, "backend", null, json), line(1, "backend", null, "plain")]));
  await expect(at(page, 0)).toContainText("WARN  slow request path=/v1 took=812");
  await expect(at(page, 0)).toHaveClass(/warning/);
  await picture(page, "log-json-dark");
  await press(page, "JSON as written");
  await expect(at(page, 0)).toContainText(json);
});

test("runs are separated, and a single run can be shown", async ({ page, open }) => {
  const run = (at: number, number: string) => ({ ...line(at, "backend", null, `line ${at}`), run: number });
  await open(nexus([run(0, "3"), run(1, "3"), run(2, "4"), run(3, "4")]));
  await expect(at(page, 2)).toContainText("backend run 4");
  await expect(at(page, 1)).not.toContainText("run");
  await picture(page, "log-runs-dark");
});

test("the shown lines can be saved", async ({ page, open }) => {
  await open(nexus([line(0, "redis", "info", "fine"), line(1, "backend", "error", "broken")]));
  await page.getByRole("tab", { name: "backend" }).click();
  await press(page, "Save");
  const saved = await page.evaluate(() => window.fake.asked.find(({ what }) => what === "saveText")?.given);
  expect(saved?.[0]).toBe("backend.log");
  expect(saved?.[1]).toMatch(/ broken\n$/);
  expect(saved?.[1]).not.toContain("fine");
});
