// A picture network: the same small window of weights everywhere.
// src/pellucid/network/cnn.py: Layer, Norm.

import type { Line } from "../answers";
import type { Value } from "../inside";
import { added, number } from "../numbers";
import { known, prefixOf, reader, sumOf, type Context, type Material, type Operation, type Patch, type Recipe, type Term } from "./operation";

const EPS = 1e-5;

type Read = (row: number, column: number, channel: number) => number;

export function convolution(context: Context): Recipe {
  const { branch, value } = context;
  const layers = [...new Set(branch.values.filter((one) => one.form === "maps").map((one) => one.layer))];
  const stage = layers.indexOf(value.layer);
  const inner = branch.values.find((one) => one.layer === value.layer && one.what === "convolution")!;
  const before = stage > 0 ? branch.values.find((one) => one.layer === layers[stage - 1] && one.what === "activation")! : null;
  const name = `${prefixOf(branch)}network.stages.${stage}`;
  const norm = ["weight", "bias", "running_mean", "running_var"].map((end) => `${name}.norm.${end}`);
  const enter = [`${prefixOf(branch)}embed.mean`, `${prefixOf(branch)}embed.std`];
  const bent = value.what === "activation";
  return {
    values: [value, ...(before ? [before] : []), ...(bent ? [inner] : [])],
    weights: [`${name}.convolution.weight`, ...(bent ? norm : []), ...(before ? [] : enter)],
    inputs: before ? [] : [branch.group],
    axes: [{ name: "row", size: value.shape[0]! }, { name: "column", size: value.shape[1]! }],
    units: value.shape[2]!,
    make: (material, unit, [row = 0, column = 0]) => {
      const read = before ? reader(before, material.seen(before)) : pixels(material, branch.group, enter);
      const height = before ? before.shape[0]! : material.input(branch.group).shape[0]!;
      const stride = Math.round(height / inner.shape[0]!) || 1;
      const filter = (i: number, j: number) => window(material, `${name}.convolution.weight`, unit, i, j, stride, read);
      const operation = bent
        ? activation(material, value, inner, norm, unit, row, column, filter)
        : { ...filter(row, column), lines: [], says: says(filter(row, column).terms.length) };
      const own = reader(value, material.seen(value))(row, column, unit);
      return { ...operation, byHand: operation.lines.at(-1)?.value ?? sumOf(operation.terms), recorded: known(own) };
    },
  };
}

const says = (count: number) => `A window of ${count} inputs, each multiplied by the weight that lies on it, and all added up.`;

/** The window at one place: terms, and a pair of pictures for each input feature. */
function window(material: Material, weightName: string, unit: number, row: number, column: number, stride: number, read: Read) {
  const weight = material.weight(weightName);
  const [, channels, kernel] = weight.shape as [number, number, number];
  const pad = Math.floor(kernel / 2);
  const terms: Term[] = [];
  const patches: Patch[] = [];
  for (let channel = 0; channel < channels; channel++) {
    const patch: Patch = { name: channels > 1 ? `feature ${channel}` : "input", height: kernel, width: kernel, inputs: [], weights: [] };
    for (let i = 0; i < kernel; i++) {
      for (let j = 0; j < kernel; j++) {
        const factor = read(row * stride + i - pad, column * stride + j - pad, channel);
        const w = weight.values[((unit * channels + channel) * kernel + i) * kernel + j]!;
        patch.inputs.push(factor);
        patch.weights.push(w);
        terms.push({ name: `${channels > 1 ? `feature ${channel}, ` : ""}row ${row * stride + i - pad}, column ${column * stride + j - pad}`, weight: w, factor });
      }
    }
    patches.push(patch);
  }
  return { terms, patches };
}

function activation(
  material: Material, value: Value, inner: Value, norm: readonly string[], unit: number, row: number, column: number,
  filter: (row: number, column: number) => { terms: Term[]; patches: Patch[] },
): Omit<Operation, "byHand" | "recorded"> {
  const read = reader(inner, material.seen(inner));
  const [weight, bias, mean, variance] = norm.map((name) => material.weight(name).values[unit]!) as [number, number, number, number];
  const pooled = inner.shape[0]! > value.shape[0]! || inner.shape[1]! > value.shape[1]!;
  const places = pooled
    ? [0, 1].flatMap((i) => [0, 1].map((j) => [2 * row + i, 2 * column + j])).filter(([i, j]) => i! < inner.shape[0]! && j! < inner.shape[1]!)
    : [[row, column]];
  const sums = places.map(([i, j]) => {
    const kept = read(i!, j!, unit);
    return Number.isNaN(kept) ? sumOf(filter(i!, j!).terms) : kept;
  });
  const largest = sums.indexOf(Math.max(...sums));
  const [i, j] = places[largest] as [number, number];
  const lines: Line[] = [];
  if (pooled) lines.push({ name: "largest of its neighbors", formula: `max(${sums.map((sum) => number(sum)).join(", ")})`, value: sums[largest]! });
  const normal = ((sums[largest]! - mean) / Math.sqrt(variance + EPS)) * weight + bias;
  lines.push({ name: "on a common scale", formula: `(${number(sums[largest]!)} ${added(-mean)}) / √${number(variance)} × ${number(weight)} ${added(bias)}`, value: normal });
  const bent = Math.max(0, normal);
  lines.push({ name: "below zero nothing (ReLU)", formula: `max(0, ${number(normal)})`, value: bent });
  return { ...filter(i, j), lines, says: `${says(filter(i, j).terms.length)} Then ${pooled ? "the largest of four neighbors is kept, " : ""}it is put on a common scale, and bent.` };
}

/** The normalized pixels of the example; zero beyond the edge, and where nothing is. */
function pixels(material: Material, group: string, names: readonly string[]): Read {
  const { values, shape } = material.input(group);
  const [height, width, channels] = [shape[0]!, shape[1]!, shape[2] ?? 1];
  const [mean, std] = names.map((name) => material.weight(name).values) as [ArrayLike<number>, ArrayLike<number>];
  return (row, column, channel) => {
    if (row < 0 || column < 0 || row >= height || column >= width) return 0;
    const value = values[(row * width + column) * channels + channel]!;
    return Number.isNaN(value) ? 0 : (value - mean[channel]!) / std[channel]!;
  };
}
