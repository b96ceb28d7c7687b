// What experts look at: how large gradients, updates and values are, in every layer at every
// recorded step. The statistics are those that the recorder wrote of the whole tensors.

import { histogram } from "./histogram";
import type { Statistics } from "./looks";
import type { Look, Trace } from "./trace";

export type Measure = keyof Statistics;

/** Statistics of every tensor at every recorded step; a tensor that was not there has NaN. */
export class Records {
  readonly steps: number[] = [];
  private readonly found = new Map<string, Map<number, Statistics>>();

  /** Note what a look says; steps come in rising order. */
  add(look: Look, keys: readonly string[]): void {
    this.steps.push(look.step);
    for (const key of keys) {
      const statistics = look.statistics(key);
      if (!statistics) continue;
      let mine = this.found.get(key);
      if (!mine) this.found.set(key, (mine = new Map()));
      mine.set(look.step, statistics);
    }
  }

  has(key: string): boolean {
    return this.found.has(key);
  }

  /** (steps,) */
  course(key: string, measure: Measure): number[] {
    const mine = this.found.get(key);
    return this.steps.map((step) => mine?.get(step)?.[measure] ?? NaN);
  }

  at(key: string, step: number): Statistics | null {
    return this.found.get(key)?.get(step) ?? null;
  }
}

/** Read the statistics of all recorded steps, chunk by chunk; `going` says whether to go on. */
export async function readRecords(trace: Trace, going: (records: Records) => boolean): Promise<Records> {
  const records = new Records();
  let keys: string[] | null = null;
  for (const [i, step] of trace.recorded.entries()) {
    const look = await trace.look(step, []);
    keys ??= look.keys();
    records.add(look, keys);
    if (i % 16 === 15 && !going(records)) break;
  }
  return records;
}

// --- gradients and updates ----------------------------------------------------------------------

/** Length of the update as a share of the length of the weights; NaN where either is unknown. */
export function updateRatios(records: Records, name: string): number[] {
  const updates = records.course(`update/${name}`, "norm");
  const weights = records.course(`weight/${name}`, "norm");
  return updates.map((update, i) => (weights[i]! > 0 ? update / weights[i]! : NaN));
}

/** Shares outside of these are worth a look; they need not be wrong. */
export const USUAL_RATIO: [number, number] = [1e-5, 1e-2];

export function isUsual(ratio: number): boolean {
  return Number.isNaN(ratio) || (ratio >= USUAL_RATIO[0] && ratio <= USUAL_RATIO[1]);
}

/** Gradient at the first layer for one at the last; outside of these it is said to vanish or explode. */
export const HEALTHY_FLOW: [number, number] = [1e-3, 1e3];

export function flow(first: number, last: number): "vanishes" | "explodes" | "even" | "unknown" {
  const ratio = first / last;
  if (!Number.isFinite(ratio) || ratio <= 0) return "unknown";
  if (ratio < HEALTHY_FLOW[0]) return "vanishes";
  return ratio > HEALTHY_FLOW[1] ? "explodes" : "even";
}

// --- the scale of a picture -----------------------------------------------------------------------

/** Powers of ten that hold all positive values, at most `most` of them, the largest ones. */
export function decades(values: Iterable<number>, most = 8): [number, number] | null {
  let low = Infinity;
  let high = 0;
  for (const value of values) {
    if (!(value > 0) || value === Infinity) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  if (!high) return null;
  const top = Math.ceil(Math.log10(high) - 1e-9);
  const bottom = Math.floor(Math.log10(low) + 1e-9);
  // Not 10 ** -4, which is 0.00009999999999999999.
  return [Number(`1e${Math.max(top - most, Math.min(bottom, top - 1))}`), Number(`1e${top}`)];
}

/** Where a value stands between two ends, from 0 to 1; by factors or evenly. */
export function shareOf(value: number, [low, high]: [number, number], log: boolean): number {
  if (!Number.isFinite(value)) return NaN;
  const share = log ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low || 1);
  return Math.max(0, Math.min(1, share));
}

// --- units that never answer ------------------------------------------------------------------------

/** Units (the last axis) that are exactly 0 for all examples at all places. */
export function deadUnits(values: ArrayLike<number>, units: number): number[] {
  const alive = new Uint8Array(units);
  for (let i = 0; i < values.length; i++) if (values[i] !== 0) alive[i % units] = 1;
  return Array.from(alive.keys()).filter((unit) => !alive[unit]);
}

/** Of each unit that is dead at the last step: from which recorded step on it has been. */
export function diedAt(steps: readonly number[], dead: readonly (readonly number[])[]): { unit: number; step: number }[] {
  return (dead.at(-1) ?? []).map((unit) => {
    let first = dead.length - 1;
    while (first > 0 && dead[first - 1]!.includes(unit)) first--;
    return { unit, step: steps[first]! };
  });
}

// --- how values are spread over time ------------------------------------------------------------------

export interface Spread {
  low: number;
  high: number;
  bins: number;
  steps: number[];
  /** (bins, steps): share of the values in a bin, the highest bin first. */
  shares: Float32Array;
}

/** One histogram a step, all over the same range. */
export function spreadOverTime(steps: number[], each: readonly ArrayLike<number>[], bins = 40): Spread {
  let low = Infinity;
  let high = -Infinity;
  for (const values of each) {
    for (let i = 0; i < values.length; i++) {
      const value = values[i]!;
      if (!Number.isFinite(value)) continue;
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  if (!(high > low)) [low, high] = Number.isFinite(low) ? [low - 1, low + 1] : [-1, 1];
  const shares = new Float32Array(bins * steps.length);
  each.forEach((values, column) => {
    const { counts, total } = histogram(values, bins, [low, high]);
    counts.forEach((count, bin) => (shares[(bins - 1 - bin) * steps.length + column] = total ? count / total : 0));
  });
  return { low, high, bins, steps, shares };
}

// --- time ---------------------------------------------------------------------------------------------

/** Milliseconds of each step, from the clock at its end; pauses of a resume are left out there. */
export function stepTimes(step: ArrayLike<number>, seconds: ArrayLike<number>): { x: number[]; y: number[] } {
  const found = { x: [] as number[], y: [] as number[] };
  for (let i = 1; i < step.length; i++) {
    const steps = step[i]! - step[i - 1]!;
    const spent = seconds[i]! - seconds[i - 1]!;
    if (steps > 0 && spent >= 0) {
      found.x.push(step[i]!);
      found.y.push((1000 * spent) / steps);
    }
  }
  return found;
}
