// The studies that can be made of a run, in the order in which a person reads them
// (src/pellucid/evidence/finding.py: ORDER), and how their charts are laid out.

import type { FindingChart } from "./finding";
import { say } from "./say";
import { extent, logTicks, ticks } from "./ticks";

export interface Study {
  part: string;
  title: string;
  /** What it does. */
  says: string;
  /** Whether it asks the sealed rows again. */
  looks: boolean;
}

export const STUDIES: readonly Study[] = [
  { part: "calibration", title: say("study.calibration"), says: say("study.calibration.says"), looks: true },
  { part: "sets", title: say("study.sets"), says: say("study.sets.says"), looks: true },
  { part: "sureness", title: say("study.sureness"), says: say("study.sureness.says"), looks: true },
  { part: "unlike", title: say("study.unlike"), says: say("study.unlike.says"), looks: true },
  { part: "choice", title: say("study.choice"), says: say("study.choice.says"), looks: false },
  { part: "explanations", title: say("study.explanations"), says: say("study.explanations.says"), looks: true },
  { part: "features", title: say("study.features"), says: say("study.features.says"), looks: false },
  { part: "overfitting", title: say("study.overfitting"), says: say("study.overfitting.says"), looks: false },
  { part: "data", title: say("study.data"), says: say("study.data.says"), looks: false },
  { part: "labels", title: say("study.labels"), says: say("study.labels.says"), looks: true },
  { part: "duplicates", title: say("study.duplicates"), says: say("study.duplicates.says"), looks: true },
  { part: "honesty", title: say("study.honesty"), says: say("study.honesty.says"), looks: true },
  { part: "cost", title: say("study.cost"), says: say("study.cost.says"), looks: false },
];

// --- a chart's layout -----------------------------------------------------------------------------

export interface Layout {
  x: [number, number];
  y: [number, number];
  xTicks: number[];
  yTicks: number[];
  /** Places in a box of the given size, y downwards. */
  atX: (value: number) => number;
  atY: (value: number) => number;
}

/** Both axes hold all that is drawn, bands too; y begins at 0 where it is not far. */
export function layoutOf(chart: FindingChart, width: number, height: number): Layout {
  const finite = (values: readonly (number | null)[]) => values.filter((value): value is number => value !== null && Number.isFinite(value));
  const across = finite([...chart.lines.flatMap((line) => line.x), ...chart.marks.map(([x]) => x)]).filter((value) => !chart.log || value > 0);
  const up = finite(chart.lines.flatMap((line) => [...line.y, ...line.low, ...line.high]));
  const x = widened(extent(across) ?? [0, 1]);
  let [low, high] = extent(up) ?? [0, 1];
  if (low > 0 && low < 0.4 * high) low = 0;
  const room = (high - low || Math.abs(high) || 1) * 0.06;
  const y: [number, number] = [low === 0 ? 0 : low - room, high + room];
  const share = (value: number) => (chart.log ? Math.log(value / x[0]) / Math.log(x[1] / x[0]) : (value - x[0]) / (x[1] - x[0]));
  return {
    x, y,
    xTicks: chart.log ? logTicks(x[0], x[1], 6) : ticks(x[0], x[1], Math.max(3, Math.min(7, width / 70))),
    yTicks: ticks(y[0], y[1], 5),
    atX: (value) => share(value) * width,
    atY: (value) => (1 - (value - y[0]) / (y[1] - y[0])) * height,
  };
}

function widened([low, high]: [number, number]): [number, number] {
  return high > low ? [low, high] : [low - 0.5 * (Math.abs(low) || 1), high + 0.5 * (Math.abs(high) || 1)];
}

/** An SVG path through the points, broken where something is missing. */
export function pathOf(x: readonly (number | null)[], y: readonly (number | null)[], layout: Layout): string {
  let pen = "M";
  let drawn = "";
  x.forEach((across, i) => {
    const [a, b] = [layout.atX(across ?? NaN), layout.atY(y[i] ?? NaN)];
    if (!Number.isFinite(a) || !Number.isFinite(b)) pen = "M";
    else {
      drawn += `${pen}${a.toFixed(1)} ${b.toFixed(1)}`;
      pen = "L";
    }
  });
  return drawn;
}

/** The band between low and high, as a closed path; "" where there is none. */
export function bandOf(x: readonly (number | null)[], low: readonly (number | null)[], high: readonly (number | null)[], layout: Layout): string {
  if (low.length !== x.length || high.length !== x.length) return "";
  const there = x.map((_, i) => i).filter((i) => [x[i], low[i], high[i]].every((value) => value !== null && value !== undefined && Number.isFinite(value)));
  if (there.length < 2) return "";
  const point = (i: number, of: readonly (number | null)[]) => `${layout.atX(x[i]!).toFixed(1)} ${layout.atY(of[i]!).toFixed(1)}`;
  return `M${there.map((i) => point(i, high)).join("L")}L${there.reverse().map((i) => point(i, low)).join("L")}Z`;
}
