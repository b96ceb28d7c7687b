// A convolution along words or time: windows of several lengths side by side.
// src/pellucid/network/cnn.py: Block.

import { added, number } from "../numbers";
import type { Tensor } from "../safetensors";
import { say } from "../say";
import { isThere, nothing, positionAxis, prefixOf, reader, recordedAt, sumOf, type Context, type Material, type Patch, type Recipe, type Term } from "./operation";

const EPS = 1e-5;
type Read = (position: number, channel: number) => number;

export function phrase(context: Context): Recipe {
  const { branch, value, manifest } = context;
  const layers = [...new Set(branch.values.filter((one) => one.layer.startsWith("block")).map((one) => one.layer))];
  const block = layers.indexOf(value.layer);
  const inner = branch.values.find((one) => one.layer === value.layer && one.what === "convolution")!;
  const last = block > 0 ? branch.values.find((one) => one.layer === layers[block - 1] && one.what === "activation")! : null;
  const before = last ?? branch.values.find((one) => one.what === "embedding") ?? null;
  const name = `${prefixOf(branch, manifest)}network.stages.${block}`;
  const there = (end: string) => manifest.parameters.some((one) => one.name === `${name}.${end}.weight`);
  const kernels = manifest.parameters.filter((one) => one.name.startsWith(`${name}.convolutions.`)).map((one) => one.name);
  const bottleneck = there("bottleneck") ? `${name}.bottleneck.weight` : null;
  const bent = value.what === "activation";
  const norm = ["weight", "bias", "running_mean", "running_var"].map((end) => `${name}.norm.${end}`);
  const enter = [`${prefixOf(branch, manifest)}embed.mean`, `${prefixOf(branch, manifest)}embed.std`];
  const share = manifest.parameters.find((one) => one.name === kernels[0])?.shape[0] ?? 1;
  const insideOf = (material: Material): Read => {
    const read: Read = before ? reader(before, material) : samples(material, branch.group, enter);
    const length = inner.shape[0]!;
    return (at, channel) => (at < 0 || at >= length ? 0 : read(at, channel));
  };
  const narrow = (material: Material, inside: Read) => (bottleneck ? narrowed(material, bottleneck, inside) : inside);
  const sumFor = (material: Material, unit: number, position: number, inside: Read) => {
    const which = Math.floor(unit / share);
    return which < kernels.length
      ? longSum(material.weight(kernels[which]!), unit - which * share, position, narrow(material, inside))
      : sumOf(neighbors(material, `${name}.neighbors.weight`, unit - kernels.length * share, position, inside).terms);
  };
  return {
    values: [value, ...(before ? [before] : []), ...(bent ? [inner] : [])],
    weights: [...kernels, `${name}.neighbors.weight`, ...(bottleneck ? [bottleneck] : []), ...(bent ? norm : []), ...(before ? [] : enter)],
    inputs: before && branch.part?.way !== "lookup" ? [] : [branch.group],
    axes: [positionAxis(value)],
    units: value.shape[1]!,
    number: (material, unit, [position = 0]) => {
      if (bent && !isThere(branch, material, position)) return 0;
      const inside = insideOf(material);
      if (!bent) return sumFor(material, unit, position, inside);
      const sum = reader(inner, material)(position, unit);
      return bend(material, norm, unit, sum, before?.shape[1] === value.shape[1] ? inside(position, unit) : null).at(-1)!.value;
    },
    make: (material, unit, [position = 0]) => {
      const recorded = recordedAt(value, material, position, unit);
      if (bent && !isThere(branch, material, position)) return nothing(recorded);
      const inside = insideOf(material);
      const which = Math.floor(unit / share);
      const made = which < kernels.length
        ? long(material, kernels[which]!, unit - which * share, position, narrow(material, inside))
        : neighbors(material, `${name}.neighbors.weight`, unit - kernels.length * share, position, inside);
      const residual = bent && before?.shape[1] === value.shape[1];
      const sum = bent ? reader(inner, material)(position, unit) : NaN;
      const lines = bent ? bend(material, norm, unit, Number.isNaN(sum) ? sumOf(made.terms) : sum, residual ? inside(position, unit) : null) : [];
      return { ...made, lines, byHand: lines.at(-1)?.value ?? sumOf(made.terms), recorded };
    },
  };
}

function long(material: Material, name: string, filter: number, position: number, read: Read) {
  const weight = material.weight(name);
  const [channels, kernel] = [weight.shape[1]!, weight.shape[3]!];
  const pad = Math.floor(kernel / 2);
  const terms: Term[] = [];
  const patch: Patch = { name: say("word.input"), height: channels, width: kernel, inputs: [], weights: [] };
  for (let channel = 0; channel < channels; channel++) {
    for (let i = 0; i < kernel; i++) {
      const factor = read(position + i - pad, channel);
      const w = weight.values[(filter * channels + channel) * kernel + i]!;
      patch.inputs.push(factor);
      patch.weights.push(w);
      const place = say("path.position", { position: String(position + i - pad) });
      terms.push({ name: channels > 1 ? say("byhand.term.position", { place, feature: String(channel) }) : place, weight: w, factor });
    }
  }
  return { terms, patches: [patch], says: say("byhand.long", { positions: kernel, inputs: terms.length }) };
}

/** The same sum without its terms. */
function longSum(weight: Tensor, filter: number, position: number, read: Read): number {
  const [channels, kernel] = [weight.shape[1]!, weight.shape[3]!];
  let sum = 0;
  let at = filter * channels * kernel;
  for (let channel = 0; channel < channels; channel++) {
    for (let i = 0; i < kernel; i++) sum += weight.values[at++]! * read(position + i - Math.floor(kernel / 2), channel);
  }
  return sum;
}

function neighbors(material: Material, name: string, filter: number, position: number, read: Read) {
  const weight = material.weight(name);
  const channels = weight.shape[1]!;
  const terms = Array.from({ length: channels }, (_, channel): Term => ({
    get name() { return say("byhand.term.three", { feature: String(channel) }); },
    weight: weight.values[filter * channels + channel]!,
    factor: Math.max(...[-1, 0, 1].map((by) => read(position + by, channel))),
  }));
  return { terms, patches: [] as Patch[], says: say("byhand.three") };
}

const summaries = new WeakMap<Material, Map<string, number>>();

/** The summary of all features that long windows look at; each of its numbers is made once. */
function narrowed(material: Material, name: string, read: Read): Read {
  const weight = material.weight(name);
  const channels = weight.shape[1]!;
  const known = summaries.get(material) ?? new Map<string, number>();
  summaries.set(material, known);
  return (position, unit) => {
    const key = `${name} ${position} ${unit}`;
    let sum = known.get(key);
    if (sum === undefined) {
      sum = 0;
      for (let channel = 0; channel < channels; channel++) sum += weight.values[unit * channels + channel]! * read(position, channel);
      known.set(key, sum);
    }
    return sum;
  };
}

function bend(material: Material, norm: readonly string[], unit: number, sum: number, input: number | null) {
  const [weight, bias, mean, variance] = norm.map((name) => material.weight(name).values[unit]!) as [number, number, number, number];
  const normal = ((sum - mean) / Math.sqrt(variance + EPS)) * weight + bias;
  const bent = Math.max(0, normal);
  const lines = [
    { name: say("byhand.line.scale"), formula: `(${number(sum)} ${added(-mean)}) / √${number(variance)} × ${number(weight)} ${added(bias)}`, value: normal },
    { name: say("byhand.line.relu"), formula: `max(0, ${number(normal)})`, value: bent },
  ];
  if (input !== null) lines.push({ name: say("byhand.line.residual"), formula: `${number(bent)} ${added(input)}`, value: bent + input });
  return lines;
}

/** The normalized samples of a series; zero where nothing is. */
function samples(material: Material, group: string, names: readonly string[]): Read {
  const { values, shape } = material.input(group);
  const channels = shape[1] ?? 1;
  const [mean, std] = names.map((name) => material.weight(name).values) as [ArrayLike<number>, ArrayLike<number>];
  return (position, channel) => {
    const value = values[position * channels + channel]!;
    return Number.isNaN(value) ? 0 : (value - mean[channel]!) / std[channel]!;
  };
}
