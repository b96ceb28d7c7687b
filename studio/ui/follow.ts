// A run that learns tells when it has grown; the page then fetches what is new. Hidden pages listen
// to nothing, and catch up once when they are seen again.

import { studio } from "./studio.svelte";

/** What is written after a run's last status, its report above all, is looked for once more. */
const AFTERWARDS_MS = [1000, 4000, 12000];

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
    for (const wait of AFTERWARDS_MS) setTimeout(() => studio.view.run === run && void grow(true), wait);
  };
}
