import type { Theme } from "./backend/wire";

const systemIsDark = matchMedia("(prefers-color-scheme: dark)");

/** The theme of the last session: before the host has answered, and without a connection. */
function remembered(): Theme {
  const theme = localStorage.getItem("theme");
  return theme === "light" || theme === "dark" ? theme : "system";
}

/**
 * Shows a theme and remembers it; without one, shows the last. "system" follows the system until the
 * returned function is called.
 */
export function show(theme: Theme = remembered()): () => void {
  localStorage.setItem("theme", theme);
  const apply = () => {
    const dark = theme === "system" ? systemIsDark.matches : theme === "dark";
    document.documentElement.dataset["theme"] = dark ? "dark" : "light";
  };
  apply();
  systemIsDark.addEventListener("change", apply);
  return () => systemIsDark.removeEventListener("change", apply);
}
