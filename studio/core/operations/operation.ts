// One number of the network, made again by hand: which numbers go in, what they are multiplied by,
// what is done with the sum. Every family has a file of its own here; `index.ts` chooses.

import type { Line } from "../answers";
import type { Branch, Inside, Value } from "../inside";
import type { Seen } from "../looks";
import type { Manifest } from "../manifest";
import type { Tensor } from "../safetensors";
import { say } from "../say";
import type { AttentionRow } from "./transformer";

export interface Term {
  name: string;
  weight: number;
  factor: number;
  /** The column or neuron that the input belongs to, where it is one of several numbers of it. */
  of?: string;
}

/** A small window of the input and the weights that lie on it, one pair for each input feature. */
export interface Patch {
  name: string;
  height: number;
  width: number;
  inputs: number[];
  weights: number[];
}

export interface Operation {
  says: string;
  /** weight × input; an input that can't be known is NaN. */
  terms: Term[];
  patches: Patch[];
  /** What is done with the sum of the terms. */
  lines: Line[];
  byHand: number;
  /** Of one head at one asking position; what was kept of its shares beside it. */
  attention?: AttentionRow & { recorded: (number | null)[] };
  /** What the network had; null where this very number was not kept. */
  recorded: number | null;
}

/** What a place in a value is called, and how many there are: {name: "row", size: 8}. */
export interface Axis {
  name: string;
  size: number;
  /** What each place is called, where places have names. */
  names?: string[];
  /** Its places are those of a text, a recording or a series, which may end before the axis does. */
  along?: true;
}

export interface Material {
  /** Of the chosen example. */
  seen(value: Value): Seen;
  weight(name: string): Tensor;
  /** A group's encoded values of the chosen example. */
  input(group: string): { values: ArrayLike<number>; shape: number[] };
  /** A number that was not kept, made again from those before it; see `again.ts`. */
  again?(value: Value, place: readonly number[]): number;
}

/** How numbers of one watched value are made again. */
export interface Recipe {
  /** Watched values, weights and inputs that it reads. */
  values: Value[];
  weights: string[];
  inputs: string[];
  /** Where a number stands besides its unit. */
  axes: Axis[];
  units: number;
  make(material: Material, unit: number, at: readonly number[]): Operation;
  /** Only the number, where `make` would take long. */
  number?(material: Material, unit: number, at: readonly number[]): number;
}

/** What all recipes know. */
export interface Context {
  manifest: Manifest;
  inside: Inside;
  branch: Branch;
  value: Value;
}

export type Read = (...place: number[]) => number;

/** Read a value at a place of the whole one: as it was kept, else made again; 0 outside of it. */
export function reader(value: Value, material: Material): Read {
  const kept = keptReader(value, material);
  return (...place) => {
    const found = kept(...place);
    return Number.isNaN(found) && material.again ? material.again(value, place) : found;
  };
}

/** Read what was kept of a value; NaN where nothing was. */
export function keptReader(value: Value, material: Material): Read {
  const seen = material.seen(value);
  const shape = seen.shape.length > value.shape.length ? seen.shape.slice(1) : seen.shape;
  return (...place) => {
    let at = 0;
    let sampled = false;
    for (let axis = 0; axis < place.length; axis++) {
      const stride = value.strides[axis]!;
      if (place[axis]! < 0 || place[axis]! >= value.shape[axis]!) return 0;
      sampled ||= place[axis]! % stride > 0;
      at = at * shape[axis]! + place[axis]! / stride;
    }
    return sampled ? NaN : seen.values[at]!;
  };
}

/** What the network had at this place; null where it was not kept. */
export function recordedAt(value: Value, material: Material, ...place: number[]): number | null {
  const found = keptReader(value, material)(...place);
  return Number.isNaN(found) ? null : found;
}

/** The sum of all products; terms whose input is not known are left out. */
export function sumOf(terms: readonly Term[]): number {
  let sum = 0;
  for (const { weight, factor } of terms) {
    if (!Number.isNaN(factor)) sum += weight * factor;
  }
  return sum;
}

export function missing(terms: readonly Term[]): number {
  return terms.filter((term) => Number.isNaN(term.factor)).length;
}

/** The parameter prefix of a part: "branches.file.", "branches.file.branch." or "across.". */
export function prefixOf(branch: Branch, manifest: Manifest): string {
  if (branch.part?.way === "") return "across.";
  const own = `branches.${branch.group.replaceAll(".", "∙") || "∙"}.`;
  // A branch that becomes one position of the network across columns is wrapped once more.
  return manifest.parameters.some((one) => one.name.startsWith(`${own}branch.`)) ? `${own}branch.` : own;
}

/** Whether anything stands at a position of a text; everywhere if the branch reads no tokens. */
export function isThere(branch: Branch, material: Material, position: number): boolean {
  return branch.part?.way !== "lookup" || material.input(branch.group).values[position] !== 0;
}

/** The positions of a value, one behind the other. */
export function positionAxis(value: Value): Axis {
  return { name: say("path.choose"), size: value.shape[0]!, along: true };
}

/** What is said of a position behind the end of a text. */
export function nothing(recorded: number | null): Operation {
  const lines = [{ name: say("byhand.line.nothing"), formula: say("byhand.line.shorter"), value: 0 }];
  return { says: say("byhand.behind"), terms: [], patches: [], lines, byHand: 0, recorded };
}
