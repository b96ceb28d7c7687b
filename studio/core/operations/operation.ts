// One number of the network, made again by hand: which numbers go in, what they are multiplied by,
// what is done with the sum. Every family has a file of its own here; `index.ts` chooses.

import type { Line } from "../answers";
import type { Branch, Inside, Value } from "../inside";
import type { Seen } from "../looks";
import type { Manifest } from "../manifest";
import type { Tensor } from "../safetensors";

export interface Term {
  name: string;
  weight: number;
  factor: number;
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
  /** weight × input; an input that was not kept is NaN. */
  terms: Term[];
  patches: Patch[];
  /** What is done with the sum of the terms. */
  lines: Line[];
  byHand: number;
  /** What the network had; null where this very number was not kept. */
  recorded: number | null;
}

/** What a place in a value is called, and how many there are: {name: "row", size: 8}. */
export interface Axis {
  name: string;
  size: number;
}

export interface Material {
  /** Of the chosen example. */
  seen(value: Value): Seen;
  weight(name: string): Tensor;
  /** A group's encoded values of the chosen example. */
  input(group: string): { values: ArrayLike<number>; shape: number[] };
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
}

/** What all recipes know. */
export interface Context {
  manifest: Manifest;
  inside: Inside;
  branch: Branch;
  value: Value;
}

/** Read a sampled value at a place of the whole one; NaN where it was not kept. */
export function reader(value: Value, seen: Seen): (...place: number[]) => number {
  const shape = seen.shape.length > value.shape.length ? seen.shape.slice(1) : seen.shape;
  return (...place) => {
    let at = 0;
    for (let axis = 0; axis < place.length; axis++) {
      const stride = value.strides[axis]!;
      if (place[axis]! < 0 || place[axis]! >= value.shape[axis]!) return 0;
      if (place[axis]! % stride) return NaN;
      at = at * shape[axis]! + place[axis]! / stride;
    }
    return seen.values[at]!;
  };
}

/** The sum of all products; terms whose input was not kept are left out. */
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

/** The parameter prefix of a part: "branches.file." or "across.". */
export function prefixOf(branch: Branch): string {
  return branch.part?.way === "" ? "across." : `branches.${branch.group.replaceAll(".", "∙") || "∙"}.`;
}

/** Whether anything stands at a position of a text; everywhere if the branch reads no tokens. */
export function isThere(branch: Branch, material: Material, position: number): boolean {
  return branch.part?.way !== "lookup" || material.input(branch.group).values[position] !== 0;
}

/** What is said of a position behind the end of a text. */
export function nothing(recorded: number): Operation {
  const lines = [{ name: "nothing is here", formula: "the text is shorter", value: 0 }];
  return { says: "This place is behind the end of the text: it counts as zero.", terms: [], patches: [], lines, byHand: 0, recorded: known(recorded) };
}

/** null if a number was not kept. */
export function known(value: number): number | null {
  return Number.isNaN(value) ? null : value;
}


