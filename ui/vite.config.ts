import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";

const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "font-src 'self'",
  "connect-src 'none'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

// `vite build` makes the window for Tauri. `vite build --mode fake` makes the page that tests and
// people without the app look at: the same window over a host that only pretends.
export default defineConfig(({ mode }) => ({
  plugins: [svelte()],
  base: "./",
  clearScreen: false,
  server: { port: 5188, strictPort: true, open: false },
  // What tests look at is under a policy that is at least as strict as the application's.
  preview: { headers: { "Content-Security-Policy": POLICY } },
  build: {
    outDir: mode === "fake" ? "dist-fake" : "dist",
    target: "es2022",
    // A data: address would not pass the content security policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: { input: mode === "fake" ? "fake.html" : "index.html" },
  },
  test: {
    include: ["src/**/*.test.ts", "tests/unit/**/*.test.ts"],
    environment: "node",
    // Read by a test: the colours of logs are worked out from those of the theme.
    css: { include: /theme\.css/ },
  },
}));
