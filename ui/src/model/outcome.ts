import type { Outcome } from "../backend/wire";

/** The error message of an outcome; null for success. */
export function complaint(outcome: Outcome): string | null {
  // A request that another click or command has undone is no error.
  if (outcome === "done" || "overruled" in outcome) return null;
  if ("ending" in outcome) return "The daemon is exiting.";
  return "refused" in outcome ? outcome.refused : outcome.failed.message;
}

/** A fragment that follows "failed to", as a sentence of its own. */
export function sentence(text: string): string {
  const trimmed = text.trim();
  return trimmed.charAt(0).toUpperCase() + trimmed.slice(1);
}
