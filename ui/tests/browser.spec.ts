// `pilotlight ui`: the page in a browser, served by the real command, with a real stack. `PILOTLIGHT` is the
// path of the command, which `cargo xtask ui` builds.
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";

import { expect, test as base, type Page } from "@playwright/test";

import { accessible, picture } from "./window";

const STACK = `name = "shop"
[service.store]
command = ["sh", "-c", "echo store is ready; exec sleep 600"]
[service.api]
command = ["sh", "-c", "echo api is ready; exec sleep 600"]
needs = ["store"]
env = { API_KEY = "not-a-real-key", COLOUR = "blue" }
links = { docs = "http://localhost:9/docs" }
`;

interface Ui {
  /** The printed link. */
  link: string;
  /** Runs another `pilotlight` command in the same home. */
  run: (...words: string[]) => Promise<string>;
  /** Ends the command as Ctrl-C does. */
  end: () => Promise<void>;
}

function command(): string {
  const path = process.env["PILOTLIGHT"];
  if (path === undefined) throw new Error("PILOTLIGHT is not set: run `cargo xtask ui`");
  return path;
}

const test = base.extend<{ ui: Ui }>({
  // eslint-disable-next-line no-empty-pattern
  ui: async ({}, use) => {
    const folder = mkdtempSync(join(tmpdir(), "pilotlight-ui-"));
    writeFileSync(join(folder, "pilotlight.toml"), STACK);
    const options = { cwd: folder, env: { ...process.env, PILOTLIGHT_HOME: join(folder, "home") } };
    const start = (...words: string[]) => spawn(command(), words, options);
    const run = async (...words: string[]) => {
      const child = start(...words);
      const said = collect(child);
      await over(child);
      return said();
    };
    const server = start("ui", "--no-open");
    const said = collect(server);
    await expect.poll(said).toMatch(/^http:\S+$/m);
    const link = /^http:\S+$/m.exec(said())?.[0] ?? "";
    const end = async () => {
      server.kill("SIGINT");
      await over(server);
    };
    try {
      await use({ link, run, end });
    } finally {
      await end();
      await run("down", "--all");
      rmSync(folder, { recursive: true, force: true });
    }
  },
});

function collect(child: ChildProcess): () => string {
  let text = "";
  child.stdout?.on("data", (data: Buffer) => (text += data.toString()));
  child.stderr?.on("data", (data: Buffer) => (text += data.toString()));
  return () => text;
}

function over(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((done) => child.once("exit", () => done()));
}

const row = (page: Page, service: string) => page.locator(`[data-service="${service}"]`);

test("a stack is started, read, checked and stopped in the browser", async ({ page, ui }) => {
  const violations: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error") violations.push(message.text());
  });
  await page.goto(ui.link);
  await expect(page.getByRole("heading", { level: 1 })).toContainText("shop");
  // The token is not left in the address, which may be copied or shown.
  expect(page.url()).not.toContain("#");

  await page.getByRole("button", { name: "Start", exact: true }).click();
  await expect(row(page, "api")).toContainText("ready");
  await expect(page.getByText("api is ready")).toBeVisible();
  await picture(page, "browser");
  await accessible(page);

  await row(page, "api").getByText("api", { exact: true }).click();
  const details = page.getByRole("complementary", { name: "api" });
  await expect(details).toContainText("sleep 600");
  await details.getByRole("tab", { name: "Environment" }).click();
  await expect(details).toContainText("API_KEY");
  await expect(details).not.toContainText("not-a-real-key");
  await details.getByRole("button", { name: "Reveal API_KEY" }).click();
  await expect(details).toContainText("not-a-real-key");
  await details.getByRole("tab", { name: "Runs" }).click();
  await expect(details.getByRole("listitem")).toHaveCount(1);

  await page.reload();
  await expect(row(page, "api")).toContainText("ready");
  await ui.run("down");
  await expect(row(page, "api")).toContainText("stopped");
  expect(violations).toEqual([]);
});

test("the example is ready at once, is broken on request, and explains itself", async ({ page, ui }) => {
  await page.goto(ui.link);
  // Keys are for a page that is connected.
  await expect(page.getByRole("heading", { level: 1 })).toContainText("shop");
  await page.keyboard.press("Control+k");
  await page.getByRole("combobox", { name: "Command" }).fill("try the example");
  await page.keyboard.press("Enter");
  const messages = page.getByRole("region", { name: "Messages" });
  await expect(messages).toContainText("All 3 ready.");
  await expect(messages.getByRole("button", { name: "Open chat ↗" })).toBeVisible();
  await expect(page.getByRole("heading", { level: 1 })).toContainText("example");

  const choose = async (name: string) => {
    await page.getByRole("button", { name: "Break something" }).click();
    await page.getByRole("menuitem", { name }).click();
  };
  for (const [name, headline] of [
    ["Kill the store", "store is not running"],
    ["Wrong address in .env", /page calls localhost:\d+, but api runs on port/],
    ["Take the port of the API", /port \d+ is in use by/],
    ["Forbid the page (CORS)", "api's CORS settings do not allow the origin"],
    ["Slow down the API", "api is too slow"],
  ] as const) {
    await choose(name);
    await expect(page.getByRole("heading", { name: headline })).toBeVisible();
    if (name === "Kill the store") await picture(page, "example-broken");
    await choose("Repair everything");
    await expect(page.getByRole("heading", { name: headline })).toHaveCount(0);
    await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
    await expect(page.getByText("all 3 ready", { exact: true })).toBeVisible();
  }
});

test("services survive the command, and the page reports that it has ended", async ({ page, ui }) => {
  await page.goto(ui.link);
  await page.getByRole("button", { name: "Start", exact: true }).click();
  await expect(row(page, "api")).toContainText("ready");
  await ui.end();
  await expect(page.getByRole("alert")).toContainText("Your services keep running");
  expect(await ui.run("status")).toMatch(/api.*ready/);
});

test("the link works once, and only in one browser", async ({ page, browser, ui }) => {
  await page.goto(ui.link);
  await expect(page.getByRole("heading", { level: 1 })).toContainText("shop");
  const other = await browser.newContext();
  const stranger = await other.newPage();
  await stranger.goto(ui.link);
  await expect(stranger.getByRole("alert")).toContainText("was used already");
  await stranger.goto(ui.link.replace(/#.*/, ""));
  await expect(stranger.getByRole("alert")).toBeVisible();
  await other.close();
});

/** A page of another origin: the attempts of `script`, and what came of each. */
async function elsewhere(page: Page, port: number, name: string, script: string): Promise<string> {
  const server = await serve(`<!doctype html><title>elsewhere</title><p>elsewhere</p>`);
  const { port: own } = server.address() as AddressInfo;
  await page.goto(`http://${name}:${own}/`);
  const came = await page.evaluate(
    ([body, to]) => new Function("port", `return (async () => { ${body} })()`)(to) as Promise<string>,
    [script, port] as const,
  );
  await new Promise((done) => server.close(done));
  return came;
}

function serve(html: string): Promise<Server> {
  const head = `HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: ${html.length}\r\nConnection: close\r\n\r\n`;
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", () => socket.end(head + html));
  });
  return new Promise((done) => server.listen(0, "127.0.0.1", () => done(server)));
}

const SOCKET = `
  const socket = new WebSocket("ws://127.0.0.1:" + port + "/socket");
  return new Promise((done) => {
    socket.onopen = () => done("open");
    socket.onerror = () => done("refused");
  });`;

// The cookie is of the host 127.0.0.1, whatever the port: a page on another port of it sends the cookie.
test("a page of another origin cannot open a socket, even with the cookie of the session", async ({ page, ui }) => {
  const port = Number(new URL(ui.link).port);
  await page.goto(ui.link);
  await expect(page.getByRole("heading", { level: 1 })).toContainText("shop");
  expect(await elsewhere(page, port, "127.0.0.1", SOCKET)).toBe("refused");
  expect(await elsewhere(page, port, "localhost", SOCKET)).toBe("refused");
  // The page itself still may.
  await page.goto(`http://127.0.0.1:${port}/`);
  await expect(page.getByRole("heading", { level: 1 })).toContainText("shop");
});

test("a page of another origin cannot use the link, read the page or frame it", async ({ page, ui }) => {
  const { port, hash } = new URL(ui.link);
  const begin = `
    const answer = await fetch("http://127.0.0.1:" + port + "/session", {
      method: "POST", mode: "no-cors", body: "${hash.slice(1)}", credentials: "include",
    }).catch(() => null);
    return "tried " + (answer?.type ?? "and failed");`;
  expect(await elsewhere(page, Number(port), "localhost", begin)).toContain("tried");
  const read = `
    return await fetch("http://127.0.0.1:" + port + "/").then(() => "read", () => "refused");`;
  expect(await elsewhere(page, Number(port), "localhost", read)).toBe("refused");
  const frame = `
    const frame = document.createElement("iframe");
    frame.src = "http://127.0.0.1:" + port + "/";
    document.body.append(frame);
    await new Promise((done) => (frame.onload = done));
    try { return frame.contentDocument === null ? "hidden" : "seen"; } catch { return "hidden"; }`;
  expect(await elsewhere(page, Number(port), "localhost", frame)).toBe("hidden");
  // The token was not used up by the attempt.
  await page.goto(ui.link);
  await expect(page.getByRole("heading", { level: 1 })).toContainText("shop");
});
