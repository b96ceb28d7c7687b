// What a run says about itself: GET /api/runs/R/manifest; docs/studio.md is the contract.

import type { Field } from "./steps";

export interface Drawing {
  kind: "number" | "word" | "text" | "image" | "audio" | "series" | "list";
  data: unknown;
}

export interface Picture {
  png: string;
  height: number;
  width: number;
}

export interface Sound extends Picture {
  rate: number;
  wave: number[] | null;
}

export type Drawings = Record<string, Drawing>;

export interface Column {
  name: string;
  modality: string;
  role: "input" | "target" | "ignored";
  why: string;
  fitted: Record<string, unknown>;
}

export interface Task {
  kind: "classify" | "grades" | "tags" | "regress";
  target: string;
  metric: string;
  /** What a use is called by people. */
  title?: string;
  why?: string;
  classes?: string[];
  tags?: string[];
  names?: string[];
  center?: number[];
  spread?: number[];
  lowest?: number[];
  highest?: number[];
}

export interface Layer {
  name: string;
  kind: string;
  shape: number[];
  parameters: number;
}

export interface NetworkPart {
  part: string;
  way: string;
  positions: number[];
  family: string;
  layers: Layer[];
  parameters: number;
}

export interface Named {
  name: string;
  /** Of the whole tensor; of a watched value with the axis of examples. */
  shape: number[];
  strides?: number[];
}

export interface Plan {
  steps: number;
  batch: number;
  evaluate_every: number;
  optimizer: string;
  rate: number;
  folds: number;
  network: Record<string, string>;
  sizes: Record<string, { width: number; depth: number; dropout: number }>;
  shortened?: { fold?: number; step?: number; steps?: number };
  label_smoothing: number;
  precision: string;
  why: Record<string, string>;
  [more: string]: unknown;
}

export interface Probe {
  rows: number[];
  places: string[];
  /** Null where they are large; `probe/drawings` has them then. */
  drawings: Drawings[] | null;
  /** As they are encoded; null in runs of older versions. */
  targets: (number | number[])[] | null;
  /** Column -> for each example its tokens as text; there for columns of text. */
  tokens?: Record<string, string[][]> | null;
  /** Group -> the column of each of its numbers, and what it says of it; not in older runs. */
  numbers?: Record<string, [column: string, what: string][]>;
}

export interface RunEvent {
  step: number;
  kind: string;
  message: string;
  [more: string]: unknown;
}

export interface Manifest {
  schema: number;
  run: string;
  name?: string;
  status: "learning" | "paused" | "done" | "interrupted" | "failed";
  /** What it is doing now; null when it is done. */
  stage?: string | null;
  problem?: { what: string; fix: string } | null;
  alive: boolean;
  source: { name: string; path?: string };
  task: Task;
  /** Which use the run is about (core/use.ts); null: rows that are answered with a class or number. */
  use?: string | null;
  /** The findings of a use, in reading order. */
  findings?: string[] | null;
  classes: string[];
  columns: Column[];
  columns_total?: number;
  /** Another one when the run was begun anew: what was kept of it may be other then. */
  version?: string;
  rows: Record<string, number>;
  labels: Record<string, number>;
  plan: Plan;
  network: { parts: NetworkPart[]; parameters: number };
  /** The columns of a row of `steps.bin`, and its length. */
  fields: Field[];
  row_bytes: number;
  parameters: Named[];
  taps: Named[];
  probe: Probe | null;
  weight_steps: number[];
  recording: { budget_seconds: number; cost_seconds: number; training_seconds: number; looks: number };
  kept?: string;
  notes: string[];
  warnings: string[];
  set_aside: unknown[];
  repaired: unknown[];
  versions: Record<string, string>;
  timing: Record<string, number>;
  looks_at_test: number;
  /** What is needed to get the same weights once more; not in runs of older versions. */
  fingerprint?: string | null;
  seed?: number | null;
  threads?: number | null;
  has: string[];
}
