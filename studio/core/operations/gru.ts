// A gated recurrent unit at one position: how much to keep, how much to write anew.
// src/pellucid/network/rnn.py; Cho et al. 2014.

import { sigmoid } from "../answers";
import type { Value } from "../inside";
import { added, number } from "../numbers";
import { say } from "../say";
import { isThere, nothing, positionAxis, prefixOf, reader, recordedAt, type Context, type Material, type Recipe, type Term } from "./operation";

export function gate(context: Context): Recipe {
  const { branch, value, manifest } = context;
  const layer = Number(/layer (\d+)/.exec(value.layer)?.[1] ?? 1) - 1;
  const before: Value | undefined = layer
    ? branch.values.find((one) => one.layer === `layer ${layer}`)
    : branch.values.find((one) => one.what === "embedding");
  const name = `${prefixOf(branch, manifest)}network.layers.${layer}`;
  const own = manifest.parameters.filter((one) => one.name.startsWith(`${name}.`)).map((one) => one.name);
  const hidden = value.shape[1]! / 2;
  return {
    values: [value, ...(before ? [before] : [])],
    weights: own,
    inputs: branch.part?.way === "lookup" ? [branch.group] : [],
    axes: [positionAxis(value)],
    units: value.shape[1]!,
    make: (material, unit, [position = 0]) => {
      const backward = unit >= hidden;
      const j = unit % hidden;
      const end = backward ? "_reverse" : "";
      const outputs = reader(value, material);
      const recorded = recordedAt(value, material, position, unit);
      if (!isThere(branch, material, position)) return nothing(recorded);
      const inputs = before ? reader(before, material) : () => NaN;
      const earlier = backward ? position + 1 : position - 1;
      const memory = (k: number) => (earlier < 0 ? 0 : outputs(earlier, k + (backward ? hidden : 0)));
      const x = dots(material, `${name}.weight_ih_l0${end}`, `${name}.bias_ih_l0${end}`, j, hidden, (k) => inputs(position, k));
      const h = dots(material, `${name}.weight_hh_l0${end}`, `${name}.bias_hh_l0${end}`, j, hidden, memory);
      const r = sigmoid(x[0]! + h[0]!);
      const z = sigmoid(x[1]! + h[1]!);
      const n = Math.tanh(x[2]! + r * h[2]!);
      const old = memory(j);
      const next = (1 - z) * n + z * old;
      return {
        says: backward ? say("byhand.gru.backward") : say("byhand.gru"),
        terms: candidate(material, `${name}.weight_ih_l0${end}`, j, hidden, (k) => inputs(position, k)),
        patches: [], byHand: next, recorded,
        lines: [
          { name: say("byhand.line.forget"), formula: `σ(${number(x[0]!)} ${added(h[0]!)})`, value: r },
          { name: say("byhand.line.keep"), formula: `σ(${number(x[1]!)} ${added(h[1]!)})`, value: z },
          { name: say("byhand.line.write"), formula: `tanh(${number(x[2]!)} ${added(r)} × ${number(h[2]!)})`, value: n },
          { name: say("byhand.line.memory"), formula: `(1 − ${number(z)}) × ${number(n)} ${added(z)} × ${number(old)}`, value: next },
        ],
      };
    },
  };
}

/** One row of each gate (r, z, n) times the inputs, with its bias. */
function dots(material: Material, weightName: string, biasName: string, j: number, hidden: number, read: (k: number) => number): number[] {
  const weight = material.weight(weightName);
  const bias = material.weight(biasName).values;
  const width = weight.shape[1]!;
  return [0, 1, 2].map((gateNumber) => {
    const row = gateNumber * hidden + j;
    let sum = bias[row]!;
    for (let k = 0; k < width; k++) sum += weight.values[row * width + k]! * read(k);
    return sum;
  });
}

/** What the input adds to "write": its largest products are worth reading. */
function candidate(material: Material, name: string, j: number, hidden: number, read: (k: number) => number): Term[] {
  const weight = material.weight(name);
  const width = weight.shape[1]!;
  const row = 2 * hidden + j;
  return Array.from({ length: width }, (_, k) => ({ name: say("byhand.term.write", { input: String(k) }), weight: weight.values[row * width + k]!, factor: read(k) }));
}
