// The window without the application: `fake.html?scene=redis-down&theme=dark`. Its content is
// made up. Tests control it through its host, `window.fake`.
import "../theme.css";
import "../base.css";
import { mount } from "svelte";

import App from "../App.svelte";
import { FakeBackend } from "../backend/fake";
import type { Theme } from "../backend/wire";
import { perform } from "./perform";
import { SCENES, type Scene } from "./scenes";

declare global {
  interface Window {
    fake: FakeBackend;
    /** Set before the page loads, instead of naming a scene. */
    given?: Scene;
    /** Set before the page loads: the host is not on this desktop. */
    inBrowser?: boolean;
  }
}

const query = new URLSearchParams(location.search);
const name = query.get("scene") ?? "green";
const scene = window.given ?? SCENES[name]?.(Date.now());
if (scene === undefined) {
  throw new Error(`no scene ${name}; there are: ${Object.keys(SCENES).join(", ")}`);
}
const theme = query.get("theme") as Theme | null;
if (theme !== null) scene.whole.settings.theme = theme;

const fake = new FakeBackend([scene.whole]);
fake.log = scene.log;
fake.desktop = !(window.inBrowser ?? query.has("browser"));
const { probePaths } = scene;
if (probePaths !== undefined) fake.answer("probePaths", () => probePaths);
if (!query.has("still")) perform(fake, scene.whole);
if (query.has("lost")) {
  fake.answer("subscribe", () => {
    throw new Error("the application does not answer");
  });
}
window.fake = fake;
mount(App, { target: document.body, props: { backend: fake } });
