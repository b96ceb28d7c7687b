// A run that learns tells when it has grown; the page then fetches what is new. Hidden pages listen
// to nothing, and catch up once when they are seen again.

import { studio } from "./studio.svelte";

export function follow(run: string): () => void {
  let stream: EventSource | null = null;
  let busy = false;
  let again = false;

  async function grow(everything = false) {
    again = true;
    if (busy) return;
    busy = true;
    while (again) {
      again = false;
      try {
        await studio.grow(everything);
        studio.contact = true;
      } catch {
        studio.contact = false;
      }
    }
    busy = false;
  }

  function listen() {
    if (document.hidden) {
      stream?.close();
      stream = null;
      return;
    }
    if (stream) return;
    stream = new EventSource(`/api/runs/${encodeURIComponent(run)}/live`);
    stream.onopen = () => (studio.contact = true);
    stream.onerror = () => (studio.contact = false);
    stream.addEventListener("tick", () => void grow());
    stream.addEventListener("event", () => void grow());
    stream.addEventListener("status", () => void grow(true));
    stream.addEventListener("bye", () => stream?.close());
  }

  listen();
  document.addEventListener("visibilitychange", listen);
  return () => {
    document.removeEventListener("visibilitychange", listen);
    stream?.close();
    // The report is written after the last status: look once more.
    setTimeout(grow, 3000, true);
  };
}
