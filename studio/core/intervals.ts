// How far a share or an error from few rows can be trusted: 95 % intervals, as
// src/pellucid/evidence/intervals.py and slices.py compute them.

export type Interval = [low: number, high: number];

const NORMAL_95 = 1.959963984540054;
/** Below this many rows the exact interval replaces Wilson's approximation. */
const FEW = 40;

/** Of a share of right answers; both ends NaN where there are no rows. */
export function shareInterval(hits: number, rows: number): Interval {
  if (!rows) return [NaN, NaN];
  return rows < FEW ? exact(hits, rows) : wilson(hits, rows);
}

/** Wilson (1927): all shares that a 5 % test would not reject. */
export function wilson(hits: number, rows: number): Interval {
  const share = hits / rows;
  const square = NORMAL_95 ** 2;
  const center = (share + square / (2 * rows)) / (1 + square / rows);
  const half = (NORMAL_95 / (1 + square / rows)) * Math.sqrt((share * (1 - share)) / rows + square / (4 * rows ** 2));
  return [Math.max(0, center - half), Math.min(1, center + half)];
}

/** Clopper and Pearson (1934), by halving: never too narrow. */
export function exact(hits: number, rows: number): Interval {
  const low = hits === 0 ? 0 : whereFalls((share) => atLeast(hits, rows, share) < 0.025);
  const high = hits === rows ? 1 : whereFalls((share) => atLeast(hits + 1, rows, share) < 0.975);
  return [low, high];
}

/** Of the root of a mean square, from the spread of the squares. */
export function rootInterval(squares: readonly number[]): Interval {
  const n = squares.length;
  if (n < 2) return [NaN, NaN];
  const mean = squares.reduce((sum, one) => sum + one, 0) / n;
  const variance = squares.reduce((sum, one) => sum + (one - mean) ** 2, 0) / (n - 1);
  const half = NORMAL_95 * Math.sqrt(variance / n);
  return [Math.sqrt(Math.max(0, mean - half)), Math.sqrt(mean + half)];
}

/** The probability of at least so many hits. */
function atLeast(hits: number, rows: number, share: number): number {
  let sum = 0;
  for (let k = hits; k <= rows; k++) sum += Math.exp(logChoose(rows, k) + k * Math.log(share) + (rows - k) * Math.log(1 - share));
  return sum;
}

function logChoose(n: number, k: number): number {
  let sum = 0;
  for (let i = 1; i <= k; i++) sum += Math.log((n - k + i) / i);
  return sum;
}

/** The share up to which this holds. */
function whereFalls(holds: (share: number) => boolean): number {
  let [low, high] = [0, 1];
  for (let i = 0; i < 50; i++) {
    const middle = (low + high) / 2;
    if (holds(middle)) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}
