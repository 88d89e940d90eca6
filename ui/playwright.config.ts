import { createServer, type AddressInfo } from "node:net";
import process from "node:process";

import { defineConfig } from "@playwright/test";

/** The port that the system has to spare now; workers inherit what the first process has found. */
async function spare(): Promise<string> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo;
  await new Promise((done) => server.close(done));
  return String(port);
}

process.env["UI_TEST_PORT"] ??= await spare();
const port = process.env["UI_TEST_PORT"];
const address = `http://127.0.0.1:${port}/`;

// On the system's Chromium: no browser is downloaded.
export default defineConfig({
  testDir: "tests",
  testMatch: "*.spec.ts",
  outputDir: "tests/results",
  fullyParallel: true,
  workers: 2,
  forbidOnly: true,
  // No test runs a second time to pass; the deadlines are for a machine that does something else too.
  retries: 0,
  timeout: 240_000,
  expect: { timeout: 60_000 },
  reporter: [["list"]],
  use: {
    baseURL: address,
    actionTimeout: 60_000,
    viewport: { width: 960, height: 680 },
    locale: "en-GB",
    timezoneId: "UTC",
    launchOptions: {
      executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium",
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
      ],
    },
  },
  webServer: {
    command: `npx vite preview --mode fake --outDir dist-fake --host 127.0.0.1 --port ${port} --strictPort`,
    url: `${address}fake.html`,
    timeout: 60_000,
  },
});
