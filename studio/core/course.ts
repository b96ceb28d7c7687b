// What the network answered on validation rows at every evaluation: GET answers.
// src/pellucid/recording/answers.py writes it.

import { readSafetensors, type File } from "./safetensors";
import type { Task } from "./manifest";
import { say } from "./say";

export interface Course {
  /** Row numbers in the source. */
  rows: number[];
  /** (rows, width): a class, the tags, or numbers in their own unit. */
  target: number[];
  width: number;
  /** Steps at which it was asked, rising. */
  steps: number[];
  outputs: number;
  /** (rows, outputs) for each evaluation: shares, not yet calibrated, or numbers. */
  values: Float32Array[];
}

export function readCourse(bytes: ArrayBuffer): Course {
  return courseOf(readSafetensors(bytes));
}

export function courseOf(file: File): Course {
  const values = tensor(file, "values");
  const target = tensor(file, "target");
  const rows = Array.from(tensor(file, "rows").values);
  const [evaluations = 0, , outputs = 1] = values.shape;
  const size = rows.length * outputs;
  const all = values.values instanceof Float32Array ? values.values : Float32Array.from(values.values);
  return {
    rows,
    target: Array.from(target.values),
    width: target.shape[1] ?? 1,
    steps: Array.from(tensor(file, "steps").values),
    outputs,
    values: Array.from({ length: evaluations }, (_, i) => all.subarray(i * size, (i + 1) * size)),
  };
}

/** Later evaluations behind those that are there. */
export function joinCourse(first: Course, more: Course): Course {
  const fresh = more.steps.findIndex((step) => step > (first.steps.at(-1) ?? -1));
  if (fresh < 0) return first;
  return {
    ...first,
    steps: [...first.steps, ...more.steps.slice(fresh)],
    values: [...first.values, ...more.values.slice(fresh)],
  };
}

/** The last evaluation that is not after this step; the first one if all are. */
export function evaluationAt(course: Course, step: number): number {
  return Math.max(0, course.steps.findLastIndex((known) => known <= step));
}

/** What is answered, as metrics count it: a class or grade a row. */
export function answersOf(kind: Task["kind"], values: ArrayLike<number>, outputs: number): number[] {
  const found: number[] = [];
  for (let start = 0; start < values.length; start += outputs) {
    found.push(kind === "grades" ? middleGrade(values, start, outputs) : largest(values, start, outputs));
  }
  return found;
}

function largest(values: ArrayLike<number>, start: number, outputs: number): number {
  let best = 0;
  for (let i = 1; i < outputs; i++) if (values[start + i]! > values[start + best]!) best = i;
  return best;
}

/** The first grade with half of the probability at or below it. */
function middleGrade(values: ArrayLike<number>, start: number, outputs: number): number {
  let below = 0;
  for (let i = 0; i < outputs - 1; i++) {
    below += values[start + i]!;
    // A sum of rounded numbers may miss one half by a hair.
    if (below >= 0.5 - 1e-12) return i;
  }
  return outputs - 1;
}

function tensor(file: File, name: string): { shape: number[]; values: ArrayLike<number> } {
  const found = file.tensors.get(name);
  if (!found) throw new Error(say("file.answers", { name }));
  return found;
}
