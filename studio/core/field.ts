// What a unit of a convolutional network can see: the part of the input that its number is made of.
// src/pellucid/network/cnn.py: windows, strides, and pooling of two neighbors.

import type { Branch, Value } from "./inside";
import type { Manifest } from "./manifest";
import { prefixOf } from "./operations/operation";

/** First and last place along an axis of the input. */
export type Span = [from: number, to: number];

/** Along each axis of the input; null where the branch is no convolutional network, or the value none of its layers'. */
export function fieldOf(manifest: Manifest, branch: Branch, value: Value, place: readonly number[]): Span[] | null {
  const positions = branch.part?.positions ?? [];
  const layers = [...new Set(branch.values.filter((one) => one.what === "convolution").map((one) => one.layer))];
  const last = layers.indexOf(value.layer);
  if (branch.family !== "cnn" || last < 0) return null;
  const axes = positions.map((_, axis) => axis);
  let spans = axes.map((axis): Span => [place[axis]!, place[axis]!]);
  const doubled = (size: readonly number[]) => {
    spans = axes.map((axis) => cut([2 * spans[axis]![0], 2 * spans[axis]![1] + 1], size[axis]!));
  };
  let shape = value.shape;
  for (let layer = last; layer >= 0; layer--) {
    const of = (what: string, at: number) => branch.values.find((one) => one.layer === layers[at] && one.what === what)!.shape;
    const made = of("convolution", layer);
    if (shape[0]! < made[0]!) doubled(made);
    const entering = layer > 0 ? of("activation", layer - 1) : positions;
    const kernel = kernelOf(manifest, branch, layer);
    // Along a sequence it is pooled before the window, not behind it.
    const pooled = positions.length === 1 && layer > 0 && made[0]! < entering[0]!;
    spans = axes.map((axis) => {
      const stride = pooled ? 1 : Math.round(entering[axis]! / made[axis]!) || 1;
      const pad = Math.floor(kernel / 2);
      const [from, to] = spans[axis]!;
      return cut([from * stride - pad, to * stride - pad + kernel - 1], pooled ? made[axis]! : entering[axis]!);
    });
    if (pooled) doubled(entering);
    shape = entering;
  }
  return spans;
}

function cut([from, to]: Span, size: number): Span {
  return [Math.max(0, from), Math.min(size - 1, to)];
}

/** The longest window of a layer, which may have several side by side; a maximum of three neighbors is always among them. */
function kernelOf(manifest: Manifest, branch: Branch, layer: number): number {
  const name = `${prefixOf(branch, manifest)}network.stages.${layer}.convolution`;
  const sizes = manifest.parameters.filter((one) => one.name.startsWith(name)).map((one) => one.shape.at(-1)!);
  return Math.max(...sizes, 1);
}

/** How many places a field has, of how many. */
export function sizeOf(spans: readonly Span[]): number {
  return spans.reduce((product, [from, to]) => product * (to - from + 1), 1);
}

/** Where a list is largest, as a place of this shape. */
export function peakOf(values: ArrayLike<number>, shape: readonly number[]): number[] {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i;
  return shape.map((_, axis) => {
    const after = shape.slice(axis + 1).reduce((product, n) => product * n, 1);
    return Math.floor(best / after) % shape[axis]!;
  });
}

export interface Laid {
  rows: number;
  columns: number;
  /** Where the value of a cell stands in the map. */
  at: (row: number, column: number) => number;
  /** The cell of a place, and the place of a cell; places count what was kept. */
  cell: (place: readonly number[]) => [row: number, column: number];
  place: (row: number, column: number) => number[];
}

/** How a unit's map lies on the page: a line, a picture, or a sound with time to the right and pitch upward. */
export function laid(shape: readonly number[], sound: boolean): Laid {
  const [first = 1, second = 1] = shape;
  if (shape.length === 1) return { rows: 1, columns: first, at: (_, column) => column, cell: ([at = 0]) => [0, at], place: (_, column) => [column] };
  const flat = ([a = 0, b = 0]: readonly number[]) => a * second + b;
  if (!sound) return { rows: first, columns: second, at: (...cell) => flat(cell), cell: ([a = 0, b = 0]) => [a, b], place: (...cell) => cell };
  const place = (row: number, column: number) => [column, second - 1 - row];
  return { rows: second, columns: first, at: (...cell) => flat(place(...cell)), cell: ([a = 0, b = 0]) => [second - 1 - b, a], place };
}
