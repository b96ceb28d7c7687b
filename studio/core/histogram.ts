// How values are spread: equally wide bins from the smallest to the largest.

import { extent } from "./ticks";

export interface Histogram {
  low: number;
  high: number;
  counts: number[];
  /** Values that are finite. */
  total: number;
}

/** Bins of the finite values; `range` to compare several of them. */
export function histogram(values: ArrayLike<number>, bins: number, range?: [number, number]): Histogram {
  const [low, high] = range ?? extent(values) ?? [0, 1];
  const counts = new Array<number>(bins).fill(0);
  let total = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (!Number.isFinite(value)) continue;
    total++;
    const share = high > low ? (value - low) / (high - low) : 0.5;
    if (share >= 0 && share <= 1) counts[Math.min(bins - 1, Math.floor(share * bins))]!++;
  }
  return { low, high, counts, total };
}

/** The middle of the fullest bin. */
export function mode(one: Histogram): number {
  const fullest = one.counts.indexOf(Math.max(...one.counts));
  return one.low + ((fullest + 0.5) / one.counts.length) * (one.high - one.low);
}
