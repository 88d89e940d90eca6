/** A line of a file with its number, and a pointer below the column. A text of several lines is unchanged. */
export function excerpt(text: string, line: number | null, column: number | null): string {
  const shown = text.replace(/\n+$/, "");
  if (line === null || shown.includes("\n")) return shown;
  const number = String(line);
  const first = `${number} │ ${shown}`;
  if (column === null || column < 1 || column > shown.length + 1) return first;
  // Tabs are kept, so that the pointer is below its column.
  const before = shown.slice(0, column - 1).replace(/[^\t]/g, " ");
  const word = /^[\w-]+/.exec(shown.slice(column - 1))?.[0].length ?? 1;
  return `${first}\n${" ".repeat(number.length)} │ ${before}${"^".repeat(word)}`;
}
