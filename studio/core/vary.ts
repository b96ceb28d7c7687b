// Watched examples with something about them changed, and what is said of the answers.
// docs/studio.md: "Something changed".

import { namesOf, isShares, type Answer } from "./answers";
import type { Column, Task } from "./manifest";
import { extent } from "./ticks";

export interface Turned {
  name: string;
  kind: "number" | "category";
  values: (number | string)[];
}

export interface Knob {
  column: Turned;
  /** [examples][values][outputs] */
  answers: number[][][];
  step: number;
}

export interface Plane {
  columns: [Turned, Turned];
  /** [values of the first][values of the second][outputs] */
  answers: number[][][];
  unit: number[][] | null;
  step: number;
}

export interface Parts {
  /** Positions behind the last one of each part. */
  ends: number[];
  length: number;
  /** Of a position; null where time has no such unit. */
  seconds: number | null;
  /** [parts][outputs] */
  until: number[][];
  without: number[][];
  step: number;
}

export type Order =
  | { what: "column"; column: string }
  | { what: "plane"; columns: [string, string]; example: number; tap: string; unit: number }
  | { what: "time"; group: string; example: number };

/** Columns that can be turned: numbers and categories. */
export function turnable(columns: readonly Column[]): string[] {
  return columns.filter((one) => one.role === "input" && ["number", "category"].includes(one.modality)).map((one) => one.name);
}

/** What a network says, as an answer like any other. */
export function answerFrom(task: Task, values: number[]): Answer {
  const best = task.kind === "classify" ? values.indexOf(Math.max(...values)) : task.kind === "grades" ? middle(values) : -1;
  return { names: namesOf(task), values, best, kind: task.kind };
}

function middle(shares: readonly number[]): number {
  let sum = 0;
  return Math.max(0, shares.findIndex((share) => (sum += share) >= 0.5));
}

/** One output over the values of a knob: of every example, and their mean. */
export function coursesOf(knob: Knob, output: number): { each: number[][]; mean: number[] } {
  const each = knob.answers.map((values) => values.map((outputs) => outputs[output]!));
  return { each, mean: knob.column.values.map((_, i) => each.reduce((sum, one) => sum + one[i]!, 0) / each.length) };
}

/** Where along a list the answer becomes another one: the place of the first value with the new answer. */
export function turnsOf(task: Task, answers: readonly number[][]): { at: number; to: number }[] {
  const best = answers.map((values) => answerFrom(task, values).best);
  return best.flatMap((one, at) => (at && one !== best[at - 1] ? [{ at, to: one }] : []));
}

/** The value of a column that is nearest to what the row has; -1 if it has none of them. */
export function placeOf(turned: Turned, own: unknown): number {
  if (turned.kind === "category") return turned.values.indexOf(own as string);
  if (typeof own !== "number" || !Number.isFinite(own)) return -1;
  const away = turned.values.map((value) => Math.abs(Number(value) - own));
  return away.indexOf(Math.min(...away));
}

export interface Field {
  /** As painted: shares as they are, numbers minus what this very row gets. */
  values: number[];
  low: number;
  high: number;
}

/** One output over a plane, in the order of its cells: second column from its last value down, first column across. */
export function overPlane(plane: Plane, output: number, task: Task, own: number): Field {
  const found = flat(plane, (i, j) => plane.answers[i]![j]![output]!);
  const [low, high] = extent(found) ?? [0, 0];
  return { values: isShares(task) ? found : found.map((value) => value - own), low, high };
}

/** What one unit says over a plane, in the same order. */
export function unitOverPlane(plane: Plane): number[] {
  return flat(plane, (i, j) => plane.unit?.[i]?.[j] ?? NaN);
}

function flat(plane: Plane, at: (i: number, j: number) => number): number[] {
  const [across, up] = plane.columns.map((one) => one.values.length) as [number, number];
  return Array.from({ length: across * up }, (_, cell) => at(cell % across, up - 1 - Math.floor(cell / across)));
}
