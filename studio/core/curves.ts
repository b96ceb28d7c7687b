// Curves over the steps: the loss and what is told with it.

import type { Steps } from "./steps";
import { quantile } from "./ticks";

/** The loss at the recorded steps, as SVG paths in a box of 1000 by 100. */
export function curveAlong(recorded: readonly number[], steps: Steps): { line: string; area: string } {
  const known = steps["step"];
  const losses = known ? smooth(steps["loss"]!, 0.8) : new Float64Array(0);
  const place = new Map<number, number>();
  known?.forEach((step, row) => place.set(step, row));
  // Before the first step there is no batch yet: its loss is that of the first one.
  const values = recorded.map((step) => losses[place.get(Math.max(1, step)) ?? -1] ?? NaN);
  const top = quantile(values, 0.98);
  const points = values.flatMap((value, i) =>
    Number.isFinite(value) && top > 0
      ? [`${((1000 * i) / Math.max(1, values.length - 1)).toFixed(1)} ${(100 - 96 * Math.min(1, value / top)).toFixed(1)}`]
      : [],
  );
  if (points.length < 2) return { line: "", area: "" };
  const line = `M${points.join("L")}`;
  const [first, final] = [points[0]!.split(" ")[0], points.at(-1)!.split(" ")[0]];
  return { line, area: `${line}L${final} 100L${first} 100Z` };
}

/** An average that follows the values slowly; gaps are left out. `keep` of 0 changes nothing. */
export function smooth(values: ArrayLike<number>, keep: number): Float64Array {
  const found = new Float64Array(values.length);
  let sum = 0;
  let weight = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (Number.isFinite(value)) {
      sum = keep * sum + (1 - keep) * value;
      weight = keep * weight + (1 - keep);
    }
    found[i] = weight ? sum / weight : NaN;
  }
  return found;
}

/** How much of itself a smoothed course keeps from step to step: more where there are many steps. */
export function keeping(steps: number): number {
  return 1 - 1 / Math.min(60, Math.max(2.5, steps / 40));
}

/** Only the rows where something was measured. */
export function measured(x: ArrayLike<number>, y: ArrayLike<number>): { x: number[]; y: number[] } {
  const found = { x: [] as number[], y: [] as number[] };
  for (let i = 0; i < x.length; i++) {
    if (Number.isFinite(y[i])) {
      found.x.push(x[i]!);
      found.y.push(y[i]!);
    }
  }
  return found;
}
