// An example of one's own: what is sent, and what comes back. docs/studio.md: "One example".

import { Refusal } from "./api";
import type { Neighbor } from "./explanation";
import type { Column, Drawings } from "./manifest";
import { count } from "./numbers";
import type { Row } from "./rows";
import { say } from "./say";

/** One line of the answer, as `pellucid predict --json` gives it. */
export interface Line {
  row: number;
  answer?: string | number | string[] | Record<string, number>;
  probability?: number;
  probabilities?: Record<string, number>;
  /** All answers that are possible, and how often the truth is among them. */
  set?: string[];
  set_holds?: number;
  /** Of a number: nine in ten truths lie between. */
  low?: number;
  high?: number;
  /** The same of several numbers: target -> lowest and highest. */
  intervals?: Record<string, [number, number]>;
  /** Of rows like those it learned from, so many are as strange as this one. */
  unlike?: number;
  /** Numbers far outside of what it learned from: column -> what it knows. */
  beyond?: Record<string, [number, number]>;
  repaired?: string;
  error?: { what: string; where: string; fix: string };
}

export interface Predicted {
  answers: Line[];
  rows: number;
  model: string;
  /** What the one that answers is called. */
  by?: string;
  received?: { drawings: Drawings; tokens: Record<string, string[]> };
  nearest?: Neighbor[];
  through_time?: { steps: number[]; values: number[][]; source: string };
}

/** Rows as strange as this one are so rare among those it learned from. */
export const STRANGE = 0.01;

export function isStrange(line: Line): boolean {
  return line.beyond !== undefined || (line.unlike ?? 1) < STRANGE;
}

export function inputsOf(columns: readonly Column[]): Column[] {
  return columns.filter((column) => column.role === "input");
}

export function takesFile(column: Column): boolean {
  return column.modality === "image" || column.modality === "audio";
}

// --- what is sent -------------------------------------------------------------------------------

export type Cells = Record<string, unknown>;

export interface Order {
  value?: unknown;
  steps?: number[];
  name?: string;
  /** Tell what is written piece by piece. */
  pieces?: boolean;
}

/** JSON where no files come along, else a form with the files and the rest as its part "order". */
export function bodyOf(cells: Cells, files: Record<string, { blob: Blob; name: string }>, more: Omit<Order, "value">): Order | FormData {
  const order: Order = { ...(Object.keys(cells).length ? { value: cells } : {}), ...more };
  if (!Object.keys(files).length) return order;
  const form = new FormData();
  for (const [column, file] of Object.entries(files)) form.append(column, file.blob, file.name);
  form.append("order", JSON.stringify(order));
  return form;
}

/** Most that an example may have; src/pellucid/interfaces/studio/guard.py refuses more. */
const MOST_BYTES = 64 * 2 ** 20;

/** Why these files are not sent; null: they are. A browser that is cut off while it sends would only know that contact is lost. */
export function tooLarge(files: Record<string, { blob: { size: number }; name: string }>): Refusal | null {
  const all = Object.values(files);
  const size = all.reduce((sum, file) => sum + file.blob.size, 0);
  if (size < MOST_BYTES) return null;
  const megabytes = (value: number) => `${count(Math.ceil(value / 2 ** 20))} MB`;
  return new Refusal(say("try.large", { name: all[0]!.name, size: megabytes(size), most: megabytes(MOST_BYTES) }), "", say("try.large.fix"), 413);
}

/** At most `most` of the steps, evenly, with both ends. */
export function thin(steps: readonly number[], most: number): number[] {
  if (steps.length <= most) return [...steps];
  const places = Array.from({ length: most }, (_, i) => Math.round((i * (steps.length - 1)) / (most - 1)));
  return [...new Set(places)].map((place) => steps[place]!);
}

/** A watched example's values, as they can be sent again. */
export function cellsOf(drawings: Drawings, columns: readonly Column[]): Cells {
  const cells: Cells = {};
  for (const column of inputsOf(columns)) {
    const drawing = drawings[column.name];
    if (!drawing || takesFile(column)) continue;
    cells[column.name] = drawing.data;
  }
  return cells;
}

// --- what a column may be -------------------------------------------------------------------------

export interface Facts {
  /** Of numbers: what occurs, and a step that is fine enough. */
  low: number;
  high: number;
  step: number;
  /** Of words: what occurs, the most frequent first. */
  words: string[];
}

/** What occurs in a column, among rows to learn from. */
export function factsOf(name: string, rows: readonly Row[]): Facts {
  const numbers: number[] = [];
  const counts = new Map<string, number>();
  for (const row of rows) {
    const drawing = row.drawings[name];
    if (!drawing) continue;
    if (drawing.kind === "number") {
      if (typeof drawing.data === "number") numbers.push(drawing.data);
    } else if (typeof drawing.data === "string") counts.set(drawing.data, (counts.get(drawing.data) ?? 0) + 1);
  }
  const [low, high] = numbers.length ? [Math.min(...numbers), Math.max(...numbers)] : [0, 1];
  return {
    low, high,
    step: numbers.length && numbers.every(Number.isInteger) ? 1 : fine(high - low),
    words: [...counts].sort((a, b) => b[1] - a[1]).map(([word]) => word),
  };
}

/** 1, 2 or 5 times a power of ten, about a two hundredth of the range. */
function fine(range: number): number {
  if (!(range > 0)) return 0.01;
  const power = 10 ** Math.floor(Math.log10(range / 200));
  const factor = [1, 2, 5, 10].find((one) => one * power >= range / 200) ?? 10;
  return Number((factor * power).toPrecision(1));
}

// --- what it would have said ------------------------------------------------------------------------

/** The first of these steps from which on the answer is what it is at the end; null: always was. */
export function settledAt(answers: readonly string[], steps: readonly number[]): number | null {
  const last = answers.at(-1);
  let first = answers.length - 1;
  while (first > 0 && answers[first - 1] === last) first--;
  return first === 0 ? null : (steps[first] ?? null);
}
