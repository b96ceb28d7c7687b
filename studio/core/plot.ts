// Where the points of curves lie on a picture, and which of many points it can show.

import { extent, logTicks, ticks } from "./ticks";

export interface Axis {
  low: number;
  high: number;
  log: boolean;
}

/** Part of the extent that stays free above and below curves. */
const ROOM = 0.06;

/** An axis on which all these values lie; it begins or ends at 0 rather than a little beyond it. */
export function axisOf(all: readonly ArrayLike<number>[], log = false, room = ROOM): Axis {
  const found = all.map((values) => extent(log ? Array.from(values, (value) => (value > 0 ? value : NaN)) : values)).filter((ends) => ends !== null);
  if (!found.length) return log ? { low: 0.1, high: 1, log } : { low: 0, high: 1, log };
  const [least, most] = [Math.min(...found.map(([low]) => low)), Math.max(...found.map(([, high]) => high))];
  if (log) {
    const factor = most > least ? (most / least) ** room : 2;
    return { low: least / factor, high: most * factor, log };
  }
  const free = (most > least ? (most - least) * room : Math.abs(most) * room) || (room ? 1 : 0.5);
  const [low, high] = room || most === least ? [least - free, most + free] : [least, most];
  return { low: least >= 0 ? Math.max(0, low) : low, high: most <= 0 && least < 0 ? Math.min(0, high) : high, log };
}

/** How far along its axis a value lies: 0 at the low end, 1 at the high one. */
export function along({ low, high, log }: Axis, value: number): number {
  return log ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low);
}

/** The value that lies so far along. */
export function valueAt({ low, high, log }: Axis, share: number): number {
  return log ? low * (high / low) ** share : low + share * (high - low);
}

/** Round values along an axis; of a logarithmic one powers of ten, if it holds two of them. */
export function ticksOf({ low, high, log }: Axis, wanted: number): number[] {
  const powers = log ? logTicks(low, high, wanted) : [];
  return powers.length > 1 ? powers : ticks(low, high, wanted).filter((tick) => !log || tick > 0);
}

/**
 * A curve as pixels, x and y in turn. What isn't finite is left out, so that its neighbors are
 * joined. Of many points in one column of pixels the first, lowest, highest and last are kept:
 * the picture is the same.
 */
export function pixelsOf(x: ArrayLike<number>, y: ArrayLike<number>, atX: (value: number) => number, atY: (value: number) => number): number[] {
  const found: number[] = [];
  let column: [x: number, y: number][] = [];
  const close = () => {
    if (column.length > 4) {
      const heights = column.map(([, height]) => height);
      const kept = [0, heights.indexOf(Math.min(...heights)), heights.indexOf(Math.max(...heights)), column.length - 1];
      column = kept.sort((a, b) => a - b).map((place) => column[place]!);
    }
    for (const point of column) found.push(...point);
    column = [];
  };
  for (let i = 0; i < x.length; i++) {
    const [across, down] = [atX(x[i]!), atY(y[i]!)];
    if (!Number.isFinite(across) || !Number.isFinite(down)) continue;
    if (column.length && Math.round(column[0]![0]) !== Math.round(across)) close();
    column.push([across, down]);
  }
  close();
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
