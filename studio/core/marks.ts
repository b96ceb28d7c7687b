// Moments worth going to, along the recorded steps.

import type { RunEvent } from "./manifest";
import { say } from "./say";

export interface Mark {
  /** The recorded step to go to, and where it stands among them. */
  step: number;
  index: number;
  kind: "epoch" | "best" | "first" | "warning" | "chosen" | "overfit";
  glyph: string;
  words: string;
}

const GLYPHS = { epoch: "◆", best: "▲", first: "⚑", warning: "!", chosen: "✓", overfit: "⌁" } as const;
const MOST_EPOCHS = 24;

/** Marks in order; of many epochs only every so-many-th. `first`: when this example was first right;
 * `overfit`: when it begins to learn by heart. */
export function marksOf(
  events: readonly RunEvent[],
  recorded: readonly number[],
  fold: number,
  first: number | null,
  overfit: number | null = null,
): Mark[] {
  const found: Mark[] = [];
  const add = (step: number, kind: Mark["kind"], words: string) => {
    const index = nearest(recorded, step);
    if (index >= 0) found.push({ step: recorded[index]!, index, kind, glyph: GLYPHS[kind], words });
  };
  const mine = events.filter((event) => event["fold"] === undefined || event["fold"] === fold);
  const epochs = mine.filter((event) => event.kind === "epoch");
  const apart = Math.ceil(epochs.length / MOST_EPOCHS);
  epochs.forEach((event, i) => {
    if ((i + 1) % apart === 0) add(event.step, "epoch", say("mark.epoch", { epoch: Number(event["epoch"]) }));
  });
  const best = mine.filter((event) => event.kind === "evaluation" && event["best"] === true).at(-1);
  if (best) add(best.step, "best", say("mark.best"));
  for (const event of mine) {
    if (event.kind === "warning" || event.kind === "shortened") add(event.step, "warning", event.message);
  }
  if (first !== null) add(first, "first", say("mark.first"));
  if (overfit !== null) add(overfit, "overfit", say("mark.overfit"));
  return found.sort((a, b) => a.step - b.step);
}

/** Where the last recorded step stands that is not after `step`; the first one if all are. */
export function nearest(recorded: readonly number[], step: number): number {
  let found = recorded.length ? 0 : -1;
  recorded.forEach((known, index) => {
    if (known <= step) found = index;
  });
  return found;
}

/** Where the value nearest to this one stands among rising ones; -1 if there is none. */
export function nearestOf(rising: ArrayLike<number>, value: number): number {
  let [low, high] = [0, rising.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (rising[middle]! <= value) low = middle;
    else high = middle;
  }
  return high < 0 ? -1 : value - rising[low]! <= rising[high]! - value ? low : high;
}
