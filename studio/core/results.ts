// How good the answers are: counts, mix-ups, and how honest the shares are. Equal to what
// src/pellucid/learning/evaluate.py and evidence/calibrate.py compute.

import { answersOf, type Course } from "./course";
import { rootInterval, shareInterval, type Interval } from "./intervals";
import type { Task } from "./manifest";
import { number, percent } from "./numbers";

/** Metrics of which less is better; the others are shares. */
const SMALLER_IS_BETTER = new Set(["log loss", "grade error", "RMSE", "MAE"]);
const SHARES = new Set([
  "accuracy", "balanced accuracy", "macro F1", "micro F1", "AUC", "subset accuracy", "average precision", "ranking precision",
]);

export function higherIsBetter(metric: string): boolean {
  return !SMALLER_IS_BETTER.has(metric);
}

/** Whether people say this metric in percent. */
export function isShare(metric: string): boolean {
  return SHARES.has(metric);
}

export function scoreWords(metric: string, value: number | null | undefined): string {
  // What rounding leaves of zero is zero.
  const known = typeof value === "number" && Math.abs(value) < 1e-9 ? 0 : value;
  return isShare(metric) ? percent(known, 1) : number(known, 4);
}

// --- right and wrong ----------------------------------------------------------------------------

export interface Headline {
  /** Rows answered right, where that is a question; else null. */
  right: number | null;
  rows: number;
  score: number;
  interval: Interval;
  /** What always giving the same answer reaches on the same rows. */
  constant: number;
  constantRight: number | null;
}

/** (classes, classes): rows are the truth, columns the answers. */
export function confusion(target: readonly number[], answer: readonly number[], classes: number): number[][] {
  const counts = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  target.forEach((truth, row) => counts[truth]![answer[row]!]!++);
  return counts;
}

/**
 * The figure that a person asks for first, on the rows of a course.
 *
 * commonest: the class that is most frequent among all rows; middle: of a number, their mean.
 */
export function headline(task: Task, course: Course, values: ArrayLike<number>, commonest: number): Headline {
  const rows = course.rows.length;
  if (task.kind === "regress") return ofNumbers(task, course, values);
  if (task.kind === "tags") return ofTags(course, values);
  const answer = answersOf(task.kind, values, course.outputs);
  const right = answer.filter((one, row) => one === course.target[row]).length;
  const constantRight = course.target.filter((truth) => truth === commonest).length;
  return {
    right, rows, score: right / rows, interval: shareInterval(right, rows), constant: constantRight / rows, constantRight,
  };
}

function ofTags(course: Course, values: ArrayLike<number>): Headline {
  const { rows, outputs, target } = course;
  let right = 0;
  let empty = 0;
  rows.forEach((_, row) => {
    const own = Array.from({ length: outputs }, (_, i) => row * outputs + i);
    if (own.every((at) => values[at]! >= 0.5 === target[at]! > 0.5)) right++;
    if (own.every((at) => target[at]! <= 0.5)) empty++;
  });
  const n = rows.length;
  return { right, rows: n, score: right / n, interval: shareInterval(right, n), constant: empty / n, constantRight: empty };
}

/** The usual miss: the root of the mean square; of several numbers each in units of its spread. */
function ofNumbers(task: Task, course: Course, values: ArrayLike<number>): Headline {
  const { outputs, target } = course;
  const squaresOf = (said: (at: number, i: number) => number) =>
    course.rows.map((_, row) =>
      meanOver(outputs, (i) => {
        const at = row * outputs + i;
        return ((said(at, i) - target[at]!) / (outputs > 1 ? (task.spread?.[i] ?? 1) : 1)) ** 2;
      }),
    );
  const squares = squaresOf((at) => values[at]!);
  const always = squaresOf((_, i) => task.center?.[i] ?? 0);
  const root = (all: number[]) => Math.sqrt(meanOver(all.length, (i) => all[i]!));
  return {
    right: null, rows: squares.length, score: root(squares), interval: rootInterval(squares), constant: root(always), constantRight: null,
  };
}

function meanOver(count: number, value: (i: number) => number): number {
  let sum = 0;
  for (let i = 0; i < count; i++) sum += value(i);
  return count ? sum / count : NaN;
}

/** The class that is most frequent in the whole data set, as an index. */
export function commonestClass(labels: Record<string, number>, classes: readonly string[]): number {
  let best = 0;
  classes.forEach((name, i) => {
    if ((labels[name] ?? 0) > (labels[classes[best]!] ?? 0)) best = i;
  });
  return best;
}

// --- class by class -----------------------------------------------------------------------------

export interface ClassFigures {
  index: number;
  name: string;
  /** Rows that truly are of it, rows that were called so, and both at once. */
  truly: number;
  called: number;
  both: number;
  /** Of those called so, how many are; of those that are, how many were found. */
  precision: number;
  precisionInterval: Interval;
  recall: number;
  recallInterval: Interval;
}

export function figuresOf(index: number, name: string, truly: number, called: number, both: number): ClassFigures {
  return {
    index, name, truly, called, both,
    precision: both / called, precisionInterval: shareInterval(both, called),
    recall: both / truly, recallInterval: shareInterval(both, truly),
  };
}

export function perClass(counts: readonly (readonly number[])[], names: readonly string[]): ClassFigures[] {
  return counts.map((row, i) => {
    const truly = row.reduce((sum, n) => sum + n, 0);
    const called = counts.reduce((sum, other) => sum + other[i]!, 0);
    return figuresOf(i, names[i] ?? String(i), truly, called, row[i]!);
  });
}

/** The same for tags, each of them a yes or no. */
export function perTag(course: Course, values: ArrayLike<number>, names: readonly string[]): ClassFigures[] {
  return names.map((name, tag) => {
    let [truly, called, both] = [0, 0, 0];
    course.rows.forEach((_, row) => {
      const at = row * course.outputs + tag;
      const is = course.target[at]! > 0.5;
      const said = values[at]! >= 0.5;
      if (is) truly++;
      if (said) called++;
      if (is && said) both++;
    });
    return figuresOf(tag, name, truly, called, both);
  });
}

export interface MixUp {
  truth: number;
  answer: number;
  count: number;
}

/** Wrong answers by pair, the most frequent first. */
export function mixUps(counts: readonly (readonly number[])[]): MixUp[] {
  return counts
    .flatMap((row, truth) => row.map((count, answer) => ({ truth, answer, count })))
    .filter((one) => one.count && one.truth !== one.answer)
    .sort((a, b) => b.count - a.count);
}

// --- honesty ------------------------------------------------------------------------------------

export interface SureBin {
  low: number;
  high: number;
  rows: number;
  /** Mean of the shares given, and how often they were right; NaN without rows. */
  sure: number;
  right: number;
  interval: Interval;
}

/** Fewer rows than these say nothing. */
export const FEWEST_IN_BIN = 30;

/** Answers by how sure they were, in bins of equal width. For tags every yes or no is an answer. */
export function sureBins(task: Task, course: Course, values: ArrayLike<number>, bins = 10): SureBin[] {
  const sums = Array.from({ length: bins }, () => ({ rows: 0, sure: 0, right: 0 }));
  const add = (sure: number, right: boolean) => {
    const bin = sums[Math.min(bins - 1, Math.floor(sure * bins))]!;
    bin.rows++;
    bin.sure += sure;
    if (right) bin.right++;
  };
  if (task.kind === "tags") {
    for (let at = 0; at < values.length; at++) add(Math.max(values[at]!, 1 - values[at]!), values[at]! >= 0.5 === course.target[at]! > 0.5);
  } else {
    answersOf(task.kind, values, course.outputs).forEach((answer, row) => {
      let sure = 0;
      for (let i = 0; i < course.outputs; i++) sure = Math.max(sure, values[row * course.outputs + i]!);
      add(sure, answer === course.target[row]);
    });
  }
  return sums.map(({ rows, sure, right }, i) => ({
    low: i / bins, high: (i + 1) / bins, rows,
    sure: rows ? sure / rows : NaN, right: rows ? right / rows : NaN, interval: shareInterval(right, rows),
  }));
}

/** Mean distance between how sure and how often right, each answer counted once. */
export function calibrationError(bins: readonly SureBin[]): number {
  const rows = bins.reduce((sum, bin) => sum + bin.rows, 0);
  return bins.reduce((sum, bin) => sum + (bin.rows ? bin.rows * Math.abs(bin.sure - bin.right) : 0), 0) / rows;
}

/** How sure it was on average, and how often right. */
export function sureAndRight(bins: readonly SureBin[]): { sure: number; right: number; rows: number } {
  const rows = bins.reduce((sum, bin) => sum + bin.rows, 0);
  const mean = (of: (bin: SureBin) => number) => bins.reduce((sum, bin) => sum + (bin.rows ? bin.rows * of(bin) : 0), 0) / rows;
  return { sure: mean((bin) => bin.sure), right: mean((bin) => bin.right), rows };
}
