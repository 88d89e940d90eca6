/** Puts text on the clipboard, in reply to a click or a key. */
export async function toClipboard(text: string): Promise<boolean> {
  // Webviews differ in whether their pages are trusted with the first way.
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return byEvent(text);
  }
}

function byEvent(text: string): boolean {
  let put = false;
  const answer = (event: ClipboardEvent) => {
    event.clipboardData?.setData("text/plain", text);
    event.preventDefault();
    event.stopPropagation();
    put = event.clipboardData !== null;
  };
  document.addEventListener("copy", answer, { capture: true });
  try {
    // The only other way there is; every webview still has it.
    return document.execCommand("copy") && put;
  } finally {
    document.removeEventListener("copy", answer, { capture: true });
  }
}
