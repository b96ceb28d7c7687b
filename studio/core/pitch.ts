// A loss as a pitch: high while it is large, falling as it falls, over two octaves.

const LOWEST_HZ = 220;
const OCTAVES = 2;

/** The smallest and largest loss of a run, by their size; null where nothing was measured. */
export function rangeOf(losses: ArrayLike<number>): [low: number, high: number] | null {
  let [low, high] = [Infinity, -Infinity];
  for (let i = 0; i < losses.length; i++) {
    const loss = losses[i]!;
    if (!Number.isFinite(loss) || loss <= 0) continue;
    low = Math.min(low, loss);
    high = Math.max(high, loss);
  }
  return low <= high ? [low, high] : null;
}

/** Hertz; equal factors of the loss are equal intervals. Null if there is no number to hear. */
export function pitchOf(loss: number, [low, high]: readonly [number, number]): number | null {
  if (!Number.isFinite(loss)) return null;
  const share = high > low ? Math.log(Math.max(loss, low) / low) / Math.log(high / low) : 0.5;
  return LOWEST_HZ * 2 ** (OCTAVES * Math.min(1, share));
}
