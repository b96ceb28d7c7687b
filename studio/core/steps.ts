// `steps.bin`: one row for every weight update, as the manifest's `fields` lay it out.

import { say } from "./say";

export interface Field {
  name: string;
  type: string;
  offset: number;
}

export interface Layout {
  fields: Field[];
  /** Bytes of a row. */
  size: number;
}

/** One array a field, all equally long. NaN: not measured at this step. */
export type Steps = Record<string, Float64Array>;

export const EVALUATED = 1;
export const BEST = 2;
export const LOOKED = 4;
export const EPOCH_END = 8;

type Getter = (view: DataView, at: number) => number;

const GETTERS: Record<string, Getter> = {
  "<f4": (view, at) => view.getFloat32(at, true),
  "<f8": (view, at) => view.getFloat64(at, true),
  "<u2": (view, at) => view.getUint16(at, true),
  "<u4": (view, at) => view.getUint32(at, true),
  "<i4": (view, at) => view.getInt32(at, true),
};

/** Rows to columns; a torn last row is left out. */
export function readSteps(bytes: ArrayBuffer, layout: Layout): Steps {
  const rows = Math.floor(bytes.byteLength / layout.size);
  const view = new DataView(bytes);
  const steps: Steps = {};
  for (const field of layout.fields) {
    const getter = GETTERS[field.type];
    if (!getter) throw new Error(say("file.steps", { kind: field.type }));
    const column = new Float64Array(rows);
    for (let row = 0; row < rows; row++) column[row] = getter(view, row * layout.size + field.offset);
    steps[field.name] = column;
  }
  return steps;
}

/** More rows behind those that are there. */
export function joinSteps(first: Steps, more: Steps): Steps {
  const joined: Steps = {};
  for (const name of Object.keys(more)) {
    const before = first[name] ?? new Float64Array(0);
    const column = new Float64Array(before.length + more[name]!.length);
    column.set(before);
    column.set(more[name]!, before.length);
    joined[name] = column;
  }
  return joined;
}

/** Only the rows of one network of a bag. */
export function ofFold(steps: Steps, fold: number): Steps {
  const folds = steps["fold"];
  if (!folds) return steps;
  const chosen: number[] = [];
  folds.forEach((value, row) => {
    if (value === fold) chosen.push(row);
  });
  const kept: Steps = {};
  for (const [name, column] of Object.entries(steps)) {
    kept[name] = Float64Array.from(chosen, (row) => column[row]!);
  }
  return kept;
}
