// When it begins to learn by heart, read off the two losses that every run records.

import { measured } from "./curves";
import type { Steps } from "./steps";

/** Fewer measurements show no course. */
const FEWEST = 6;
/** Parts of a whole fall that count: less is nothing to speak of. */
const WORTH = 0.05;
const NORMAL_95 = 1.96;

export interface Overfitting {
  /** The first measurement after the best one; from here on other rows only get worse. */
  step: number;
  /** The lowest loss on rows it never learns from, and the usual one at the end. */
  best: number;
  last: number;
}

/**
 * Whether and when overfitting starts.
 *
 * After the lowest loss on rows it never learns from, that loss rises for good: in the last quarter
 * of the measurements it lies above its lowest by more than its own jitter, and by more than 5 % of
 * its fall. Meanwhile the loss on rows it learns from falls further, by more than 5 % of its whole
 * fall. Null: that is not so.
 */
export function overfitting(steps: Steps): Overfitting | null {
  const x = steps["step"];
  if (!x) return null;
  const valid = measured(x, steps["valid_loss"]!);
  const n = valid.y.length;
  if (n < FEWEST) return null;
  const best = Math.min(...valid.y);
  const place = valid.y.indexOf(best);
  if (place === n - 1) return null;
  const last = middle(valid.y.slice(-Math.max(2, Math.floor(n / 4))));
  const rise = last - best;
  if (!(rise > jitter(valid.y) && rise > WORTH * (valid.y[0]! - best))) return null;
  const learned = around(valid.x, x, steps["loss"]!);
  if (!(learned[place]! - learned[n - 1]! > WORTH * (learned[0]! - learned[n - 1]!))) return null;
  return { step: valid.x[place + 1]!, best, last };
}

/**
 * How far two measurements may lie apart by chance: from how each one differs from the mean of its
 * two neighbors, which a steady fall or rise does not change.
 */
function jitter(values: readonly number[]): number {
  const off = values.slice(1, -1).map((value, i) => Math.abs(value - (values[i]! + values[i + 2]!) / 2));
  const spread = (1.4826 * middle(off)) / Math.sqrt(1.5);
  return NORMAL_95 * Math.SQRT2 * spread;
}

/** The mean loss of the batches around each of some steps, half way to the next ones. */
function around(at: readonly number[], x: ArrayLike<number>, loss: ArrayLike<number>): number[] {
  const half = Math.max(1, Math.floor(middle(at.slice(1).map((step, i) => step - at[i]!)) / 2));
  return at.map((step) => {
    let [sum, count] = [0, 0];
    for (let row = rowAt(x, step - half); row < x.length && x[row]! <= step + half; row++) {
      if (Number.isFinite(loss[row])) [sum, count] = [sum + loss[row]!, count + 1];
    }
    return sum / count;
  });
}

/** The first row that is not before this step. */
function rowAt(x: ArrayLike<number>, step: number): number {
  let [low, high] = [0, x.length];
  while (low < high) {
    const half = (low + high) >> 1;
    if (x[half]! < step) low = half + 1;
    else high = half;
  }
  return low;
}

function middle(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}
