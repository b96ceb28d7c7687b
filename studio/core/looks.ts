// A chunk of looks: what the inside of the network was at up to 16 recorded steps.
// src/pellucid/recording/looks.py writes it and says what it holds.

import { readSafetensors, type File } from "./safetensors";
import { say } from "./say";

export interface Part {
  group: string;
  name: string;
  shape: number[];
  strides: number[];
}

export interface Statistics {
  mean: number;
  std: number;
  /** Share of values that are exactly zero. */
  zeros: number;
  norm: number;
}

/** One tensor at one step. */
export interface Seen {
  key: string;
  step: number;
  /** Of what is here; the whole tensor's is `part.shape`. */
  shape: number[];
  values: Float32Array;
  part: Part;
  statistics: Statistics;
}

export class Chunk {
  readonly steps: number[];
  readonly parts: Part[];
  private readonly file: File;

  constructor(bytes: ArrayBuffer) {
    this.file = readSafetensors(bytes);
    this.steps = Array.from(this.tensor("steps").values);
    this.parts = JSON.parse(this.file.notes["parts"] ?? "[]") as Part[];
  }

  has(key: string): boolean {
    return this.file.tensors.has(key);
  }

  keys(): string[] {
    return this.parts.map(keyOf);
  }

  /** Mean loss over the watched examples. */
  loss(row: number): number {
    return this.tensor("loss").values[row]!;
  }

  /** One tensor at one look; null if this chunk holds only its statistics. */
  seen(key: string, row: number): Seen | null {
    const place = this.parts.findIndex((part) => keyOf(part) === key);
    const tensor = this.file.tensors.get(key);
    if (place < 0 || !tensor) return null;
    const shape = tensor.shape.slice(1);
    const size = shape.reduce((product, n) => product * n, 1);
    const scale = 2 ** this.tensor("exponents").values[row * this.parts.length + place]!;
    const values = new Float32Array(size);
    for (let i = 0; i < size; i++) values[i] = tensor.values[row * size + i]! * scale;
    const part = this.parts[place]!;
    return { key, step: this.steps[row]!, shape, values, part, statistics: this.at(row, place) };
  }

  /** Of the whole tensor, however few of its values are kept; null if it is not recorded. */
  statistics(key: string, row: number): Statistics | null {
    const place = this.parts.findIndex((part) => keyOf(part) === key);
    return place < 0 ? null : this.at(row, place);
  }

  private at(row: number, place: number): Statistics {
    const four = this.tensor("statistics").values;
    const start = (row * this.parts.length + place) * 4;
    return {
      mean: four[start]!,
      std: four[start + 1]!,
      zeros: four[start + 2]!,
      norm: four[start + 3]!,
    };
  }

  private tensor(name: string): { values: ArrayLike<number> } {
    const found = this.file.tensors.get(name);
    if (!found) throw new Error(say("file.looks", { name }));
    return found;
  }
}

export function keyOf(part: Part): string {
  return `${part.group}/${part.name}`;
}

/** Whether every value was kept. */
export function whole(part: Part): boolean {
  return part.strides.every((stride) => stride === 1);
}
