// Neurons: each adds up everything before it. The plain network, the ensemble with shared weights,
// and the last layer. src/pellucid/network: mlp.py, tabm.py, assemble.py.

import { sigmoid } from "../answers";
import { featureName, type Branch, type Value } from "../inside";
import { added, number } from "../numbers";
import { say } from "../say";
import { prefixOf, reader, recordedAt, sumOf, type Context, type Material, type Recipe, type Term } from "./operation";

interface Factor {
  name: string;
  of: string;
  value: number;
}

interface Entering {
  values: Value[];
  inputs: string[];
  /** All that enters the network across columns, side by side. */
  read: (material: Material) => Factor[];
}

export function neuron(context: Context): Recipe {
  const { branch, value, manifest, inside } = context;
  const number_ = Number(/layer (\d+)/.exec(value.layer)?.[1] ?? 1);
  // Of a single column the plain network reads what was put side by side, or pooled, before it.
  const alone = branch !== inside.across;
  const name = `${prefixOf(branch, manifest)}${alone ? "network." : ""}layers.${number_ - 1}`;
  const before = alone ? branch.values.find((one) => ["side by side", "pooled"].includes(one.what)) : null;
  const members = value.form === "members" ? value.shape[0]! : 1;
  const sum = branch.values.find((one) => one.layer === value.layer && one.what === "sum")!;
  if (value.what === "activation") return bent(value, sum, members);
  const last = branch.values.find((one) => one.layer === `layer ${number_ - 1}` && one.what === "activation") ?? before ?? null;
  const entering = last ? null : enteringOf(context);
  const shared = manifest.parameters.some((one) => one.name === `${name}.stretch_in`);
  const bias = manifest.parameters.some((one) => one.name === `${name}.bias`);
  return {
    values: [value, ...(last ? [last] : entering!.values)],
    weights: [`${name}.weight`, ...(bias ? [`${name}.bias`] : []), ...(shared ? [`${name}.stretch_in`, `${name}.stretch_out`] : [])],
    inputs: entering?.inputs ?? [],
    axes: members > 1 ? [{ name: say("label.lossterms.member"), size: members }] : [],
    units: value.shape.at(-1)!,
    make: (material, unit, [member = 0]) => {
      const weight = material.weight(`${name}.weight`);
      const [width, inputs] = weight.shape as [number, number];
      const factors = last ? fromLayer(last, material, members, member) : entering!.read(material);
      const stretch = shared ? material.weight(`${name}.stretch_in`).values : null;
      const terms = Array.from({ length: inputs }, (_, i): Term => ({
        get name() { return factors[i]?.name ?? say("label.input", { input: String(i + 1) }); },
        of: factors[i]?.of ?? "",
        weight: weight.values[unit * inputs + i]!,
        factor: (factors[i]?.value ?? NaN) * (stretch ? stretch[member * inputs + i]! : 1),
      }));
      const total = sumOf(terms);
      const b = bias ? material.weight(`${name}.bias`).values[member * width + unit]! : 0;
      const out = shared ? material.weight(`${name}.stretch_out`).values[member * width + unit]! : 1;
      const formula = shared ? `${number(total)} × ${number(out)} ${added(b)}` : `${number(total)} ${added(b)}`;
      const byHand = total * out + b;
      const place = members > 1 ? [member, unit] : [unit];
      return {
        says: say(shared ? "byhand.neuron.shared" : "byhand.neuron", { inputs }),
        terms, patches: [], byHand, recorded: recordedAt(value, material, ...place),
        lines: [{ name: shared ? say("byhand.line.member") : say("byhand.line.bias"), formula, value: byHand }],
      };
    },
  };
}

function bent(value: Value, sum: Value, members: number): Recipe {
  return {
    values: [value, sum],
    weights: [], inputs: [],
    axes: members > 1 ? [{ name: say("label.lossterms.member"), size: members }] : [],
    units: value.shape.at(-1)!,
    make: (material, unit, [member = 0]) => {
      const place = members > 1 ? [member, unit] : [unit];
      const x = reader(sum, material)(...place);
      const y = x * sigmoid(x);
      return {
        says: say("byhand.bent"),
        terms: [], patches: [], byHand: y, recorded: recordedAt(value, material, ...place),
        lines: [{ name: say("byhand.line.bent"), formula: `${number(x)} / (1 + e^${number(-x)})`, value: y }],
      };
    },
  };
}

/** The last layer: one number for each answer. */
export function answer(context: Context): Recipe {
  const { inside, value, manifest } = context;
  const members = value.shape.length > 1 ? value.shape[0]! : 1;
  const outputs = value.shape.at(-1)!;
  const name = manifest.parameters.find((one) => /^head\.(\d+\.)?weight$/.test(one.name))?.name ?? "head.weight";
  const bias = name.replace(/weight$/, "bias");
  const source = inside.across ?? inside.branches[0]!;
  const before = source.values.at(-1) ?? null;
  return {
    values: [value, ...(before ? [before] : [])],
    weights: [name, bias],
    inputs: [],
    axes: members > 1 ? [{ name: say("label.lossterms.member"), size: members }] : [],
    units: outputs,
    make: (material, unit, [member = 0]) => {
      const weight = material.weight(name);
      const factors = before ? fromLayer(before, material, members, member) : [];
      const inputs = members > 1 ? weight.shape[1]! : weight.shape.at(-1)!;
      const terms = Array.from({ length: inputs }, (_, i): Term => ({
        get name() { return factors[i]?.name ?? say("label.input", { input: String(i + 1) }); },
        weight: weight.values[members > 1 ? (member * inputs + i) * outputs + unit : unit * inputs + i]!,
        factor: factors[i]?.value ?? NaN,
      }));
      const total = sumOf(terms);
      const b = material.weight(bias).values[member * outputs + unit]!;
      const place = members > 1 ? [member, unit] : [unit];
      return {
        says: say("byhand.answer", { inputs }),
        terms, patches: [], byHand: total + b, recorded: recordedAt(value, material, ...place),
        lines: [{ name: say("byhand.line.answer"), formula: `${number(total)} ${added(b)}`, value: total + b }],
      };
    },
  };
}

function fromLayer(value: Value, material: Material, members: number, member: number): Factor[] {
  const read = reader(value, material);
  const width = value.shape.at(-1)!;
  const pooled = value.what === "pooled";
  const named = (i: number) =>
    pooled
      ? say(i < width / 2 ? "byhand.term.mean" : "byhand.term.maximum", { feature: String(i % (width / 2)) })
      : value.what === "side by side" ? say("label.input", { input: String(i) }) : say("byhand.term.neuron", { neuron: String(i) });
  return Array.from({ length: width }, (_, i) => {
    return { get name() { return named(i); }, get of() { return named(i); }, value: members > 1 ? read(member, i) : read(i) };
  });
}

/** What the branches made of their columns, in their order; plain numbers enter as they are. */
function enteringOf({ inside }: Context): Entering {
  const last = (branch: Branch) => branch.values.at(-1) ?? null;
  return {
    values: inside.branches.flatMap((branch) => last(branch) ?? []),
    inputs: inside.branches.filter((branch) => !last(branch)).map((branch) => branch.group),
    read: (material) =>
      inside.branches.flatMap((branch) => {
        const value = last(branch);
        if (!value) {
          const { values } = material.input(branch.group);
          return Array.from(values, (one, i) => ({ name: featureName(branch, i), of: featureName(branch, i), value: one }));
        }
        const read = reader(value, material);
        if (value.shape.length === 1) {
          return Array.from({ length: value.shape[0]! }, (_, i) => ({ name: `${branch.group}, ${i}`, of: branch.group, value: read(i) }));
        }
        const [rows, width] = value.shape as [number, number];
        return Array.from({ length: rows * width }, (_, i) => ({
          name: `${featureName(branch, Math.floor(i / width))}, ${i % width}`,
          of: featureName(branch, Math.floor(i / width)),
          value: read(Math.floor(i / width), i % width),
        }));
      }),
  };
}
