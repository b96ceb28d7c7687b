// A picture network: the same small window of weights everywhere.
// src/pellucid/network/cnn.py: Layer, Norm.

import type { Line } from "../answers";
import type { Value } from "../inside";
import { added, number } from "../numbers";
import type { Tensor } from "../safetensors";
import { say } from "../say";
import { prefixOf, reader, recordedAt, sumOf, type Context, type Material, type Operation, type Patch, type Recipe, type Term } from "./operation";

const EPS = 1e-5;

type Read = (row: number, column: number, channel: number) => number;

export function convolution(context: Context): Recipe {
  const { branch, value, manifest } = context;
  const layers = [...new Set(branch.values.filter((one) => one.form === "maps").map((one) => one.layer))];
  const stage = layers.indexOf(value.layer);
  const inner = branch.values.find((one) => one.layer === value.layer && one.what === "convolution")!;
  const before = stage > 0 ? branch.values.find((one) => one.layer === layers[stage - 1] && one.what === "activation")! : null;
  const name = `${prefixOf(branch, manifest)}network.stages.${stage}`;
  const norm = ["weight", "bias", "running_mean", "running_var"].map((end) => `${name}.norm.${end}`);
  const enter = [`${prefixOf(branch, manifest)}embed.mean`, `${prefixOf(branch, manifest)}embed.std`];
  const bent = value.what === "activation";
  const enteringRead = (material: Material) => {
    const read = before ? reader(before, material) : pixels(material, branch.group, enter);
    const height = before ? before.shape[0]! : material.input(branch.group).shape[0]!;
    return { read, stride: Math.round(height / inner.shape[0]!) || 1 };
  };
  return {
    values: [value, ...(before ? [before] : []), ...(bent ? [inner] : [])],
    weights: [`${name}.convolution.weight`, ...(bent ? norm : []), ...(before ? [] : enter)],
    inputs: before ? [] : [branch.group],
    axes: [{ name: say("sees.row"), size: value.shape[0]! }, { name: say("path.column"), size: value.shape[1]! }],
    units: value.shape[2]!,
    number: (material, unit, [row = 0, column = 0]) => {
      if (bent) return Math.max(0, normalOf(material, norm, unit, Math.max(...sumsAt(material, value, inner, unit, row, column))));
      const { read, stride } = enteringRead(material);
      return windowSum(material.weight(`${name}.convolution.weight`), unit, row, column, stride, read);
    },
    make: (material, unit, [row = 0, column = 0]) => {
      const { read, stride } = enteringRead(material);
      const filter = (i: number, j: number) => window(material, `${name}.convolution.weight`, unit, i, j, stride, read);
      const operation = bent
        ? activation(material, value, inner, norm, unit, row, column, filter)
        : { ...filter(row, column), lines: [], says: says(filter(row, column).terms.length) };
      return { ...operation, byHand: operation.lines.at(-1)?.value ?? sumOf(operation.terms), recorded: recordedAt(value, material, row, column, unit) };
    },
  };
}

const says = (inputs: number) => say("byhand.window", { inputs });

/** The window at one place: terms, and a pair of pictures for each input feature. */
function window(material: Material, weightName: string, unit: number, row: number, column: number, stride: number, read: Read) {
  const weight = material.weight(weightName);
  const [, channels, kernel] = weight.shape as [number, number, number];
  const pad = Math.floor(kernel / 2);
  const terms: Term[] = [];
  const patches: Patch[] = [];
  for (let channel = 0; channel < channels; channel++) {
    const patch: Patch = { name: channels > 1 ? say("byhand.term.feature", { feature: String(channel) }) : say("word.input"), height: kernel, width: kernel, inputs: [], weights: [] };
    for (let i = 0; i < kernel; i++) {
      for (let j = 0; j < kernel; j++) {
        const factor = read(row * stride + i - pad, column * stride + j - pad, channel);
        const w = weight.values[((unit * channels + channel) * kernel + i) * kernel + j]!;
        patch.inputs.push(factor);
        patch.weights.push(w);
        const place = say("label.place", { row: String(row * stride + i - pad), column: String(column * stride + j - pad) });
        terms.push({ name: channels > 1 ? say("byhand.term.place", { feature: String(channel), place }) : place, weight: w, factor });
      }
    }
    patches.push(patch);
  }
  return { terms, patches };
}

/** The same sum without its terms. */
function windowSum(weight: Tensor, unit: number, row: number, column: number, stride: number, read: Read): number {
  const [, channels, kernel] = weight.shape as [number, number, number];
  const pad = Math.floor(kernel / 2);
  let sum = 0;
  let at = unit * channels * kernel * kernel;
  for (let channel = 0; channel < channels; channel++) {
    for (let i = 0; i < kernel; i++) {
      for (let j = 0; j < kernel; j++) sum += weight.values[at++]! * read(row * stride + i - pad, column * stride + j - pad, channel);
    }
  }
  return sum;
}

/** Places of the sums that one number behind the convolution comes from: itself, or four neighbors. */
function placesOf(value: Value, inner: Value, row: number, column: number): [number, number][] {
  const [high, wide] = inner.shape as [number, number];
  if (high === value.shape[0] && wide === value.shape[1]) return [[row, column]];
  const four = [0, 1].flatMap((i) => [0, 1].map((j): [number, number] => [2 * row + i, 2 * column + j]));
  return four.filter(([i, j]) => i < high && j < wide);
}

function sumsAt(material: Material, value: Value, inner: Value, unit: number, row: number, column: number): number[] {
  const read = reader(inner, material);
  return placesOf(value, inner, row, column).map(([i, j]) => read(i, j, unit));
}

function normalOf(material: Material, norm: readonly string[], unit: number, sum: number): number {
  const [weight, bias, mean, variance] = norm.map((name) => material.weight(name).values[unit]!) as [number, number, number, number];
  return ((sum - mean) / Math.sqrt(variance + EPS)) * weight + bias;
}

function activation(
  material: Material, value: Value, inner: Value, norm: readonly string[], unit: number, row: number, column: number,
  filter: (row: number, column: number) => { terms: Term[]; patches: Patch[] },
): Omit<Operation, "byHand" | "recorded"> {
  const [weight, bias, mean, variance] = norm.map((name) => material.weight(name).values[unit]!) as [number, number, number, number];
  const places = placesOf(value, inner, row, column);
  const sums = sumsAt(material, value, inner, unit, row, column);
  const largest = sums.indexOf(Math.max(...sums));
  const [i, j] = places[largest] ?? places[0]!;
  const sum = sums[largest] ?? NaN;
  const pooled = places.length > 1;
  const lines: Line[] = [];
  if (pooled) lines.push({ name: say("byhand.line.largest"), formula: `max(${sums.map((one) => number(one)).join(", ")})`, value: sum });
  const normal = normalOf(material, norm, unit, sum);
  lines.push({ name: say("byhand.line.scale"), formula: `(${number(sum)} ${added(-mean)}) / √${number(variance)} × ${number(weight)} ${added(bias)}`, value: normal });
  const bent = Math.max(0, normal);
  lines.push({ name: say("byhand.line.relu"), formula: `max(0, ${number(normal)})`, value: bent });
  const made = filter(i, j);
  return { ...made, lines, says: `${says(made.terms.length)} ${say(pooled ? "byhand.then.pooled" : "byhand.then", { places: places.length })}` };
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
