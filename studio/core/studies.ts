// The studies that can be made of a run, in the order in which a person reads them
// (src/pellucid/evidence/finding.py: ORDER), and how their charts are laid out.

import type { FindingChart } from "./finding";
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
  { part: "calibration", title: "Does it know how sure it is?", says: "Compares how sure it is with how often it is right.", looks: true },
  { part: "sets", title: "Do its sets and intervals keep their promise?", says: "Counts how often the truth lies inside.", looks: true },
  { part: "sureness", title: "If it may say 'I don't know'", says: "Shows how few mistakes are left when it keeps silent in doubt.", looks: true },
  { part: "unlike", title: "Does it notice what is unlike anything it learned from?", says: "Gives it noise and strangers, and looks whether it warns.", looks: true },
  { part: "choice", title: "Deep learning or something simpler, for data like this?", says: "Learns on ten halves of the rows, both ways.", looks: false },
  { part: "explanations", title: "Why did it answer so?", says: "Explains some answers, and tests the explanations.", looks: true },
  { part: "features", title: "What its features answer to", says: "Looks for what makes each unit fire.", looks: false },
  { part: "overfitting", title: "Did it learn by heart?", says: "Lets a twin learn shuffled labels, and compares.", looks: false },
  { part: "data", title: "Would more data help?", says: "Learns from fewer rows, and looks a little ahead.", looks: false },
  { part: "labels", title: "Are the labels right?", says: "Lists rows whose label a model contradicts that had not seen them.", looks: true },
  { part: "duplicates", title: "Are there copies?", says: "Searches for rows that are alike, above all across the split.", looks: true },
  { part: "honesty", title: "Is the score honest?", says: "Looks for leaks and luck behind the score.", looks: true },
  { part: "cost", title: "What did it cost?", says: "Adds up time, memory and energy.", looks: false },
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
