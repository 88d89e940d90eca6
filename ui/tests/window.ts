// The window in a browser, and the conditions for every state.
import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

import AxeBuilder from "@axe-core/playwright";
import { test as base, expect, type Page } from "@playwright/test";

import type { FakeBackend } from "../src/backend/fake";
import type { Scene } from "../src/fake/scenes";
import type { Given } from "./scenes";

export { expect };

declare global {
  /** The same as in `src/fake/main.ts`. */
  interface Window {
    fake: FakeBackend;
    given?: Scene;
    inBrowser?: boolean;
    /** The records of an observer of the page. */
    changes?: string[];
  }
}

const PICTURES = fileURLToPath(new URL("./pictures/", import.meta.url));
mkdirSync(PICTURES, { recursive: true });

export type Theme = "dark" | "light";
export const THEMES: readonly Theme[] = ["dark", "light"];

interface Options {
  /** The theme of the system; the setting is "system". */
  theme?: Theme;
  /** Whether the fake imitates the requests. */
  performs?: boolean;
}

interface Fixtures {
  /** Opens the window. Any error in it fails the test. */
  open: (given: Given, options?: Options) => Promise<void>;
}

export const test = base.extend<Fixtures>({
  open: async ({ page }, use) => {
    const wrong: string[] = [];
    page.on("pageerror", (error) => wrong.push(`error: ${error.message}`));
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) wrong.push(message.text());
    });
    page.on("request", (request) => {
      if (!request.url().startsWith(originOf(page))) wrong.push(`asked for ${request.url()}`);
    });
    await page.exposeFunction("violated", (what: string) => wrong.push(`violated ${what}`));
    await page.addInitScript(() => {
      document.addEventListener("securitypolicyviolation", (event) => {
        const told = (window as unknown as { violated: (what: string) => void }).violated;
        told(`${event.violatedDirective}: ${event.blockedURI} ${event.sample}`);
      });
    });

    await use(async (given, { theme = "dark", performs = false } = {}) => {
      await page.emulateMedia({ colorScheme: theme, reducedMotion: "reduce" });
      await page.clock.setFixedTime(given.now);
      await page.addInitScript((scene) => {
        window.given = scene;
      }, given);
      const response = await page.goto(performs ? "fake.html" : "fake.html?still");
      // Without the policy, no test would check it.
      expect(response?.headers()["content-security-policy"]).toContain("style-src 'self';");
      await page.evaluate(() => document.fonts.ready);
    });

    expect(wrong).toEqual([]);
  },
});

function originOf(page: Page): string {
  const url = page.url();
  return url === "about:blank" ? "http://127.0.0.1:" : new URL(url).origin;
}

/** Takes a picture for people, named after the state. */
export async function picture(page: Page, name: string): Promise<void> {
  await page.screenshot({ path: `${PICTURES}${name}.png`, animations: "disabled" });
}

/** Expects that axe finds nothing with its rules for WCAG 2.2 AA and for good practice. */
export async function accessible(page: Page): Promise<void> {
  const { violations } = await new AxeBuilder({ page })
    // The page has no frames, and the rules that pass are not read: collecting both takes four fifths of the time.
    .setLegacyMode(true)
    .options({ resultTypes: ["violations"] })
    .withTags(["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"])
    .analyze();
  const said = violations.flatMap(({ id, help, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${id}: ${help}\n  ${target.join(" ")}\n  ${failureSummary}`),
  );
  expect(said).toEqual([]);
}

/** Expects that nothing is beyond the right edge, out of reach. */
export async function fits(page: Page): Promise<void> {
  const beyond = await page.evaluate(() => {
    const width = document.documentElement.clientWidth;
    const scrolls = (element: Element | null): boolean =>
      element !== null &&
      (/auto|scroll|hidden|clip/.test(getComputedStyle(element).overflowX) || scrolls(element.parentElement));
    return [...document.querySelectorAll("body *")]
      .filter((element) => {
        const { right, width: own } = element.getBoundingClientRect();
        return own > 0 && right > width + 1 && !scrolls(element.parentElement);
      })
      .map((element) => `${element.tagName} ${element.className} ${element.textContent.slice(0, 40)}`);
  });
  expect(beyond).toEqual([]);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(
    page.viewportSize()?.width ?? 0,
  );
}

/** The calls of the host, without those of every test. */
export async function asked(page: Page): Promise<[string, ...unknown[]][]> {
  const all = await page.evaluate(() =>
    window.fake.asked.map(({ what, given }) => [what, ...given] as [string, ...unknown[]]),
  );
  return all.filter(([what]) => !["subscribe", "followLog", "unfollowLog", "probePaths", "describe"].includes(what));
}
