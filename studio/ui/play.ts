// Playing: one recorded step after the other, the whole run in about ten seconds.

import { studio } from "./studio.svelte";

const RUN_MS = 10_000;
const FASTEST_MS = 40;
const SLOWEST_MS = 400;
const STILL_MS = 500;

/** Whether the reader asked for little motion. */
export function still(): boolean {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}

/** Start playing; the result stops it. */
export function play(): () => void {
  const even = RUN_MS / Math.max(1, studio.recorded.length);
  const apart = still() ? STILL_MS : Math.min(SLOWEST_MS, Math.max(FASTEST_MS, even));
  const timer = setInterval(() => {
    if (studio.index >= studio.recorded.length - 1) studio.playing = false;
    else studio.move(1);
  }, apart);
  return () => clearInterval(timer);
}
