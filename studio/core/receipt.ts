// One training step with all its numbers: POST iteration, as `pellucid step --json` gives it
// (src/pellucid/evidence/receipt/parts.py), and what would have happened with one thing changed.

import type { Drawings } from "./manifest";
import { say } from "./say";

export interface ArithmeticLine {
  name: string;
  formula: string;
  value: number | null;
}

export interface ReceiptValue {
  name: string;
  shape: number[];
  mean: number;
  spread: number;
  zeros: number;
  blame: number | null;
}

export interface ReceiptAnswer {
  name: string;
  output: number;
  /** null: a number by itself says nothing yet; the loss hangs on many together. */
  predicted: number | null;
  wanted: number | null;
  blame: number;
}

export interface ReceiptWeights {
  name: string;
  layer: string;
  shape: number[];
  count: number;
  role: string;
  rule: string;
  norm: number;
  gradient: number;
  change: number;
  ratio: number | null;
}

export interface Term {
  weight_name: string;
  weight: number;
  factor: number;
}

export interface ReceiptOutput {
  example: number;
  place: number[];
  terms: Term[];
  rest: number;
  others: number;
  lines: ArithmeticLine[];
  by_hand: number;
  computed: number;
}

export interface OneWeight {
  path: string;
  layer: string;
  kind: string;
  says: string;
  before: number;
  after: number;
  gradient: number;
  clipped: number;
  output: ReceiptOutput | null;
  shares: { example: number; value: number }[];
  others: number;
  turned: { turn: number; up: number; down: number; slope: number };
  rule: string;
  why: string;
  lines: ArithmeticLine[];
}

export interface Receipt {
  step: number;
  steps: number;
  batch: number;
  rows: number[];
  example: number;
  why_example: string;
  optimizer: string;
  precision: string;
  dropout: boolean;
  memory: { kind: "fresh" | "replayed" | "empty"; why: string };
  inputs: { group: string; shape: number[]; mean: number; spread: number; first: number[]; changes: string[] }[];
  values: ReceiptValue[];
  answers: ReceiptAnswer[];
  outputs: number;
  members: number;
  loss: { batch: number; example: number; lines: ArithmeticLine[]; examples: number[] };
  update: { rate: number; gradient: number; shrunk: number; clip: number | null; rules: Record<string, string> };
  weights: ReceiptWeights[];
  one: OneWeight;
  again: { batch: number; example: number; examples: number[]; lower: number };
  checks: { what: string; gap: number; tolerance: number; numbers: number; passed: boolean }[];
  checked: boolean;
  task: string;
  place: string;
  drawings: Drawings;
  notes: string[];
}

interface BeforeAfter {
  before: number;
  after: number;
  lower: number;
}

export interface WhatIf {
  name: string;
  changed: string;
  sentence: string;
  step: number;
  examples: number;
  plain: BeforeAfter;
  other: BeforeAfter;
  told: BeforeAfter | null;
  rates: [number, number];
  notes: string[];
}

export const WHAT_IFS = [
  { name: "rate x10", title: say("label.receipt.learning_rate_10") },
  { name: "no activation", title: say("label.receipt.no_activation_functions") },
  { name: "shuffled labels", title: say("label.receipt.shuffled_labels") },
];

export const STAGES = ["take", "forward", "compare", "blame", "update", "recheck", "repeat"] as const;
export type Stage = (typeof STAGES)[number];

/** Kept steps that a step can be made after: all but the last, which ended learning. */
export function stepsToTake(weightSteps: readonly number[], last: number): number[] {
  const before = weightSteps.filter((step) => step < last);
  return before.length ? before : [...weightSteps];
}

/** The learning rate of the followed weight: by some rules another one than that of the hidden layers. */
export function rateOf(receipt: Receipt): number {
  const step = receipt.one.lines.find((line) => line.name === "step");
  const own = Number(step?.formula.split(" × ", 1)[0]);
  return Number.isFinite(own) ? own : receipt.update.rate;
}

/** The change that plain gradient descent would have made, for comparison. */
export function plainChange(receipt: Receipt): number {
  return -rateOf(receipt) * receipt.one.clipped;
}

/** Values in the order in which blame reaches them, the strongest size first known. */
export function blamed(receipt: Receipt): ReceiptValue[] {
  return receipt.values.filter((value) => value.blame !== null).reverse();
}

/** Examples of the batch, those whose loss fell most first. */
export function changes(receipt: Receipt): { place: number; before: number; after: number; change: number }[] {
  return receipt.loss.examples
    .map((before, place) => ({ place, before, after: receipt.again.examples[place] ?? NaN }))
    .map((one) => ({ ...one, change: one.after - one.before }))
    .sort((a, b) => a.change - b.change);
}
