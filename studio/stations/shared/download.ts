// A file made in the page, handed to the browser.

export function download(name: string, content: string | Blob, kind: string): void {
  const blob = typeof content === "string" ? new Blob([content], { type: `${kind};charset=utf-8` }) : content;
  const address = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  // The browser has taken it when the current turn is over.
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}
