/** Copies text to the clipboard, on a click or a key. */
export async function toClipboard(text: string): Promise<boolean> {
  // Not all webviews allow their pages to use the Clipboard API.
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
    // The only alternative, which every webview still supports.
    return document.execCommand("copy") && put;
  } finally {
    document.removeEventListener("copy", answer, { capture: true });
  }
}
