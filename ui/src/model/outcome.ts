import type { Outcome } from "../backend/wire";

/** What to tell a person when something did not come true; null when it did. */
export function complaint(outcome: Outcome): string | null {
  // A request that another click or command has undone is no error.
  if (outcome === "done" || "overruled" in outcome) return null;
  if ("ending" in outcome) return "The daemon is ending.";
  return "refused" in outcome ? outcome.refused : outcome.failed.message;
}

/** A fragment that follows "failed to", as a sentence of its own. */
export function sentence(text: string): string {
  const trimmed = text.trim();
  return trimmed.charAt(0).toUpperCase() + trimmed.slice(1);
}
