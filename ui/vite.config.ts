import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";

// `vite build` makes the window for Tauri. `vite build --mode fake` makes the page that tests and
// people without the app look at: the same window over a host that only pretends.
export default defineConfig(({ mode }) => ({
  plugins: [svelte()],
  base: "./",
  clearScreen: false,
  server: { port: 5188, strictPort: true, open: false },
  // As strict as the application's own policy, so that what it forbids fails here already.
  preview: { headers: { "Content-Security-Policy": "default-src 'self'; style-src 'self'" } },
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
