// From the network's last numbers to its answer and its loss, by hand, as `tasks/` computes them.

import type { Task } from "./manifest";
import { say } from "./say";

export interface Line {
  name: string;
  formula: string;
  value: number;
}

export interface Answer {
  /** The classes, tags, grades or targets. */
  names: string[];
  /** Probabilities, or predicted numbers in the target's own unit. */
  values: number[];
  /** Index of the answer; -1 where every tag or number is one of its own. */
  best: number;
  kind: Task["kind"];
}

export function namesOf(task: Task): string[] {
  return task.classes ?? task.tags ?? task.names ?? [task.target];
}

export function isShares(task: Task): boolean {
  return task.kind !== "regress";
}

/**
 * What the network answers.
 *
 * `output`: (outputs,), or (members, outputs), which are averaged after the softmax.
 */
export function answerOf(task: Task, output: ArrayLike<number>, shape: readonly number[]): Answer {
  const members = rowsOf(output, shape);
  const each = members.map((row) => valuesOf(task, row));
  const values = each[0]!.map((_, i) => each.reduce((sum, row) => sum + row[i]!, 0) / each.length);
  const names = namesOf(task);
  if (task.kind === "regress") return { names, values: values.map((v, i) => inUnit(task, v, i)), best: -1, kind: task.kind };
  if (task.kind === "tags") return { names, values, best: -1, kind: task.kind };
  if (task.kind === "grades") {
    let sum = 0;
    const middle = values.findIndex((value) => (sum += value) >= 0.5);
    return { names, values, best: Math.max(0, middle), kind: task.kind };
  }
  return { names, values, best: largest(values), kind: task.kind };
}

/** The loss of one example, before any smoothing; `target` as it is encoded. */
export function lossOf(
  task: Task,
  output: ArrayLike<number>,
  shape: readonly number[],
  target: number | readonly number[],
): number {
  const losses = rowsOf(output, shape).map((row) => memberLoss(task, row, target));
  return losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
}

/** The derivative of one example's loss with respect to each output: predicted minus wanted. */
export function blameOf(task: Task, output: ArrayLike<number>, target: number | readonly number[]): number[] {
  const values = Array.from(output);
  const wanted = wantedOf(task, values.length, target);
  if (task.kind === "classify") return softmax(values).map((share, i) => share - wanted[i]!);
  if (task.kind === "regress") return values.map((value, i) => (2 * (value - wanted[i]!)) / values.length);
  if (task.kind === "tags") return values.map((value, i) => (sigmoid(value) - wanted[i]!) / values.length);
  const grade = Number(target);
  return values.map((value, i) => (grade >= i ? sigmoid(value) - (grade > i ? 1 : 0) : 0));
}

/** What each output should have been, as shares or in units of spread. */
export function wantedOf(task: Task, outputs: number, target: number | readonly number[]): number[] {
  if (typeof target !== "number") return [...target];
  if (task.kind === "regress") return [target];
  return Array.from({ length: outputs }, (_, i) => (i === target ? 1 : 0));
}

/** The truth as people say it. */
export function truthOf(task: Task, target: number | readonly number[]): string | number {
  const names = namesOf(task);
  if (task.kind === "regress") {
    const values = typeof target === "number" ? [target] : target;
    return inUnit(task, values[0]!, 0, false);
  }
  if (typeof target === "number") return names[target] ?? String(target);
  return tagsOf(names, target);
}

/** The tags that get more than half, as people say them. */
export function tagsOf(names: readonly string[], shares: readonly number[]): string {
  return names.filter((_, i) => shares[i]! > 0.5).join(", ") || say("label.answer.none_of_them");
}

/** Every number of the truth, where there are several: what `truthOf` says is the first. */
export function truthsOf(task: Task, target: number | readonly number[]): (string | number)[] {
  if (task.kind !== "regress" || typeof target === "number") return [truthOf(task, target)];
  return target.map((value, i) => inUnit(task, value, i, false));
}

/** Whether the answer gets little more than equal shares for all would give it. */
export function isUnsure(answer: Answer): boolean {
  const even = 1 / answer.values.length;
  return answer.values[answer.best]! < Math.min(1.6 * even, even + 0.3 * (1 - even));
}

/** Whether the answer is right; null where that is not a question. */
export function isRight(answer: Answer, target: number | readonly number[]): boolean | null {
  return answer.best < 0 || typeof target !== "number" ? null : answer.best === target;
}

/** A number in units of spread as one in the target's own unit. */
export function inUnit(task: Task, value: number, index: number, clip = true): number {
  const center = task.center?.[index] ?? 0;
  const spread = task.spread?.[index] ?? 1;
  const found = value * spread + center;
  if (!clip) return found;
  return Math.min(task.highest?.[index] ?? Infinity, Math.max(task.lowest?.[index] ?? -Infinity, found));
}

export function softmax(values: readonly number[]): number[] {
  const top = Math.max(...values);
  const powers = values.map((value) => Math.exp(value - top));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

export function sigmoid(value: number): number {
  return 1 / (1 + Math.exp(-value));
}

/** (members, outputs) as rows; a plain output is one row. */
export function rowsOf(output: ArrayLike<number>, shape: readonly number[]): number[][] {
  const width = shape.at(-1) ?? output.length;
  const rows: number[][] = [];
  for (let start = 0; start < output.length; start += width) {
    rows.push(Array.from({ length: width }, (_, i) => output[start + i]!));
  }
  return rows;
}

function memberLoss(task: Task, row: number[], target: number | readonly number[]): number {
  if (task.kind === "classify") return -logShare(row, Number(target));
  const wanted = wantedOf(task, row.length, target);
  if (task.kind === "regress") {
    return row.reduce((sum, value, i) => sum + (value - wanted[i]!) ** 2, 0) / row.length;
  }
  if (task.kind === "tags") {
    return row.reduce((sum, value, i) => sum + binary(value, wanted[i]!), 0) / row.length;
  }
  const grade = Number(target);
  return row.reduce((sum, value, i) => sum + (grade >= i ? binary(value, grade > i ? 1 : 0) : 0), 0);
}

function valuesOf(task: Task, row: number[]): number[] {
  if (task.kind === "classify") return softmax(row);
  if (task.kind === "tags") return row.map(sigmoid);
  if (task.kind === "regress") return row;
  const bounds = [1];
  for (const value of row) bounds.push(bounds.at(-1)! * sigmoid(value));
  bounds.push(0);
  return bounds.slice(0, -1).map((bound, i) => bound - bounds[i + 1]!);
}

function logShare(row: readonly number[], target: number): number {
  const top = Math.max(...row);
  const sum = row.reduce((total, value) => total + Math.exp(value - top), 0);
  return row[target]! - top - Math.log(sum);
}

/** -log of the probability that is given to what is true. */
function binary(logit: number, wanted: number): number {
  return Math.max(logit, 0) - logit * wanted + Math.log1p(Math.exp(-Math.abs(logit)));
}

function largest(values: readonly number[]): number {
  let best = 0;
  values.forEach((value, i) => {
    if (value > values[best]!) best = i;
  });
  return best;
}
