// What a Transformer does at its positions, and what a pool takes from all of them.
// src/pellucid/network: transformer.py, pool.py, ngrams.py.

import type { Value } from "../inside";
import { added, number } from "../numbers";
import { known, prefixOf, reader, sumOf, type Context, type Recipe, type Term } from "./operation";

/** How much one position takes from each other one: a row of the recorded attention. */
export function attention(context: Context): Recipe {
  const { value } = context;
  const [heads, queries, keys] = value.shape as [number, number, number];
  return {
    values: [value], weights: [], inputs: [],
    axes: [{ name: "asking position", size: queries }],
    units: heads,
    make: (material, head, [query = 0]) => {
      const read = reader(value, material.seen(value));
      const terms = Array.from({ length: keys }, (_, key): Term => ({ name: `position ${key}`, weight: 1, factor: read(head, query, key) }));
      const sum = sumOf(terms);
      return {
        says: "The asking position compares its query with the key of every position; softmax turns the fits into shares. The shares say how much of each value is taken: routing, not reasons.",
        terms, patches: [], byHand: sum, recorded: null,
        lines: [{ name: "sum of the shares that were kept", formula: "all shares together make 1", value: sum }],
      };
    },
  };
}

/** The small network at each position: its first half. */
export function expand(context: Context): Recipe {
  const { branch, value } = context;
  const before = branch.values.find((one) => one.layer === value.layer && one.what === "after attention")!;
  const block = Number(/block (\d+)/.exec(value.layer)?.[1] ?? 1) - 1;
  const name = `${prefixOf(branch)}${branch.part?.way === "" ? "" : "network."}blocks.${block}.expand.weight`;
  return {
    values: [value, before], weights: [name], inputs: [],
    axes: [{ name: "position", size: value.shape[0]! }],
    units: value.shape[1]!,
    make: (material, unit, [position = 0]) => {
      const read = reader(before, material.seen(before));
      const width = before.shape[1]!;
      const inputs = Array.from({ length: width }, (_, i) => read(position, i));
      const kept = inputs.filter((one) => !Number.isNaN(one));
      const scale = Math.sqrt(kept.reduce((sum, one) => sum + one * one, 0) / Math.max(1, kept.length) + Number.EPSILON);
      const weight = material.weight(name);
      const terms = inputs.map((one, i): Term => ({ name: `feature ${i}`, weight: weight.values[unit * width + i]!, factor: one / scale }));
      const sum = sumOf(terms);
      const bent = Math.max(0, sum) ** 2;
      return {
        says: "The position's features, brought to a common length, each multiplied by its weight, added up; below zero nothing, above it the square.",
        terms, patches: [], byHand: bent, recorded: known(reader(value, material.seen(value))(position, unit)),
        lines: [{ name: "below zero nothing, then squared", formula: `max(0, ${number(sum)})²`, value: bent }],
      };
    },
  };
}

/** The small network's second half, added to what was there. */
export function contract(context: Context): Recipe {
  const { branch, value } = context;
  const at = (what: string) => branch.values.find((one) => one.layer === value.layer && one.what === what)!;
  const [hidden, before] = [at("activation"), at("after attention")];
  const block = Number(/block (\d+)/.exec(value.layer)?.[1] ?? 1) - 1;
  const name = `${prefixOf(branch)}${branch.part?.way === "" ? "" : "network."}blocks.${block}.contract.weight`;
  return {
    values: [value, hidden, before], weights: [name], inputs: [],
    axes: [{ name: "position", size: value.shape[0]! }],
    units: value.shape[1]!,
    make: (material, unit, [position = 0]) => {
      const read = reader(hidden, material.seen(hidden));
      const weight = material.weight(name);
      const width = hidden.shape[1]!;
      const terms = Array.from({ length: width }, (_, i): Term => ({ name: `neuron ${i}`, weight: weight.values[unit * width + i]!, factor: read(position, i) }));
      const sum = sumOf(terms);
      const x = reader(before, material.seen(before))(position, unit);
      return {
        says: "What the small network found is added to what was there, so that nothing is lost on the way.",
        terms, patches: [], byHand: sum + x, recorded: known(reader(value, material.seen(value))(position, unit)),
        lines: [{ name: "added to what was there", formula: `${number(sum)} ${added(x)}`, value: sum + x }],
      };
    },
  };
}

/** Mean and maximum of a feature over all positions that hold something. */
export function pool(context: Context): Recipe {
  const { branch, value } = context;
  const before = branch.values[branch.values.indexOf(value) - 1];
  const half = value.shape[0]! / 2;
  const token = branch.part?.way === "lookup";
  return {
    values: [value, ...(before ? [before] : [])], weights: [], inputs: token ? [branch.group] : [],
    axes: [],
    units: value.shape[0]!,
    make: (material, unit) => {
      const feature = unit % half;
      const found = before ? column(before, reader(before, material.seen(before)), feature) : [];
      const there = token ? Array.from(material.input(branch.group).values).filter((id) => id !== 0).length : found.length;
      const kept = found.filter((one) => !Number.isNaN(one)).slice(0, token ? there : undefined);
      const mean = kept.reduce((sum, one) => sum + one, 0) / Math.max(1, token ? there : kept.length);
      const most = Math.max(...kept);
      const result = unit < half ? mean : most;
      return {
        says: unit < half ? "How much of the feature there is on average, over all places." : "Whether the feature is anywhere: its largest value.",
        terms: [], patches: [], byHand: result, recorded: known(reader(value, material.seen(value))(unit)),
        lines: [{ name: unit < half ? `mean of ${kept.length} places` : `largest of ${kept.length} places`, formula: kept.slice(0, 6).map((one) => number(one)).join(", ") + (kept.length > 6 ? ", …" : ""), value: result }],
      };
    },
  };
}

/** One feature at all places, in the order of the places. */
function column(value: Value, read: (...place: number[]) => number, feature: number): number[] {
  if (value.form === "maps") {
    const [height, width] = value.shape as [number, number];
    return Array.from({ length: height * width }, (_, i) => read(Math.floor(i / width), i % width, feature));
  }
  return Array.from({ length: value.shape[0]! }, (_, i) => read(i, feature));
}

/** A token's own vector, and the one of its pair with the next token. */
export function pairs(context: Context): Recipe {
  const { branch, value } = context;
  const parts = ["embedding", "pairs"].map((what) => branch.values.find((one) => one.what === what)!);
  return {
    values: [value, ...parts], weights: [], inputs: [],
    axes: [{ name: "position", size: value.shape[0]! }],
    units: value.shape[1]!,
    make: (material, unit, [position = 0]) => {
      const [own, pair] = parts.map((part) => reader(part, material.seen(part))(position, unit)) as [number, number];
      return {
        says: "The token's own vector, and the vector of the pair that it makes with the next token.",
        terms: [], patches: [], byHand: own + pair, recorded: known(reader(value, material.seen(value))(position, unit)),
        lines: [{ name: "token + pair", formula: `${number(own)} ${added(pair)}`, value: own + pair }],
      };
    },
  };
}
