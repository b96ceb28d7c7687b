// The numbers of a Transformer's block: who looks at whom, what is taken, the small network.
// src/pellucid/network/transformer.py.

import { added, number } from "../numbers";
import { say } from "../say";
import { isWhole } from "./again";
import { reader, recordedAt, sumOf, type Axis, type Context, type Recipe, type Term } from "./operation";
import { attentionRow, blockOf, columnNames, matricesOf, normalized, through, valueOfBlock, wayInto, wayThrough } from "./transformer";

/** Places of a sequence, or columns with their names. */
function placeAxis(context: Context, size: number, position: string = say("path.choose"), column: string = say("path.column")): Axis {
  if (context.branch.part?.way !== "") return { name: position, size, along: true };
  return { name: column, size, names: columnNames(context) };
}

/** How much one position takes from another one: query · key, softmax; and all that it takes. */
export function attention(context: Context): Recipe {
  const { value } = context;
  const block = blockOf(value);
  const [heads, queries, keys] = value.shape as [number, number, number];
  const into = wayInto(context, block);
  return {
    values: [value, ...into.values], weights: [...into.weights, matricesOf(context, block).ask], inputs: into.inputs,
    axes: [placeAxis(context, queries, say("word.asking_position"), say("word.asking_column")), placeAxis(context, keys, say("word.asked_position"), say("word.asked_column"))],
    units: heads,
    make: (material, head, [query = 0, key = 0]) => {
      const row = attentionRow(context, block, head, query, material);
      const terms = Array.from(row.query, (one, i): Term => ({ name: say("label.float", { float: String(i) }), weight: row.keys[key]![i]!, factor: one }));
      const [product, fit, share] = [sumOf(terms), row.fits[key]!, row.shares[key]!];
      const there = fit > -Infinity;
      return {
        says: say("byhand.attention"),
        terms, patches: [], byHand: share, recorded: recordedAt(value, material, head, query, key),
        attention: { ...row, recorded: row.fits.map((_, i) => recordedAt(value, material, head, query, i)) },
        lines: there
          ? [
              { name: say("byhand.line.length", { length: String(row.query.length) }), formula: `${number(product)} / ${number(Math.sqrt(row.query.length))}`, value: fit },
              { name: say("byhand.line.softmax"), formula: `e^${number(fit)} / Σ e^fit`, value: share },
            ]
          : [{ name: say("byhand.line.nothing"), formula: say("byhand.line.shorter"), value: 0 }],
      };
    },
  };
}

/** What the heads took, mapped together and added to what was there. */
export function gather(context: Context): Recipe {
  const { value } = context;
  const block = blockOf(value);
  const into = wayThrough(context, block);
  const { gather: name } = matricesOf(context, block);
  const [count, width] = value.shape as [number, number];
  return {
    ...into, values: [value, ...into.values],
    axes: [placeAxis(context, count)],
    units: width,
    number: (material, unit, [position = 0]) => through(context, block, material).after[position * width + unit]!,
    make: (material, unit, [position = 0]) => {
      const before = into.read(material).values[position * width + unit]!;
      const heads = valueOfBlock(context, block, "attention").shape[0]!;
      const taken = Array.from({ length: heads }, (_, head) => Array.from(attentionRow(context, block, head, position, material).taken));
      const weight = material.weight(name).values;
      const terms = taken.flatMap((floats, head) => floats.map((one, i): Term => ({ name: say("byhand.term.head", { head: String(head), float: String(i) }), weight: weight[unit * width + head * floats.length + i]!, factor: one })));
      const sum = sumOf(terms);
      return {
        says: say("byhand.gather"),
        terms, patches: [], byHand: sum + before, recorded: recordedAt(value, material, position, unit),
        lines: [{ name: say("byhand.line.added"), formula: `${number(sum)} ${added(before)}`, value: sum + before }],
      };
    },
  };
}

/** The small network at each position: its first half. */
export function expand(context: Context): Recipe {
  const { value } = context;
  const block = blockOf(value);
  const before = valueOfBlock(context, block, "after attention");
  const { expand: name } = matricesOf(context, block);
  const whole = isWhole(value) ? null : wayThrough(context, block);
  const [count, hidden] = value.shape as [number, number];
  return {
    values: [value, before, ...(whole?.values ?? [])], weights: [name, ...(whole?.weights ?? [])], inputs: whole?.inputs ?? [],
    axes: [placeAxis(context, count)],
    units: hidden,
    number: (material, unit, [position = 0]) => through(context, block, material).hidden[position * hidden + unit]!,
    make: (material, unit, [position = 0]) => {
      const read = reader(before, material);
      const width = before.shape[1]!;
      const inputs = normalized(Float32Array.from({ length: width }, (_, i) => read(position, i)), width);
      const weight = material.weight(name).values;
      const terms = Array.from(inputs, (one, i): Term => ({ name: say("byhand.term.feature", { feature: String(i) }), weight: weight[unit * width + i]!, factor: one }));
      const sum = sumOf(terms);
      const bent = Math.max(0, sum) ** 2;
      return {
        says: say("byhand.expand"),
        terms, patches: [], byHand: bent, recorded: recordedAt(value, material, position, unit),
        lines: [{ name: say("byhand.line.squared"), formula: `max(0, ${number(sum)})²`, value: bent }],
      };
    },
  };
}

/** The small network's second half, added to what was there. */
export function contract(context: Context): Recipe {
  const { value } = context;
  const block = blockOf(value);
  const [hidden, before] = [valueOfBlock(context, block, "activation"), valueOfBlock(context, block, "after attention")];
  const { contract: name } = matricesOf(context, block);
  const whole = isWhole(value) ? null : wayThrough(context, block);
  const [count, width] = value.shape as [number, number];
  return {
    values: [value, hidden, before, ...(whole?.values ?? [])], weights: [name, ...(whole?.weights ?? [])], inputs: whole?.inputs ?? [],
    axes: [placeAxis(context, count)],
    units: width,
    number: (material, unit, [position = 0]) => through(context, block, material).output[position * width + unit]!,
    make: (material, unit, [position = 0]) => {
      const read = reader(hidden, material);
      const weight = material.weight(name).values;
      const neurons = hidden.shape[1]!;
      const terms = Array.from({ length: neurons }, (_, i): Term => ({ name: say("byhand.term.neuron", { neuron: String(i) }), weight: weight[unit * neurons + i]!, factor: read(position, i) }));
      const sum = sumOf(terms);
      const x = reader(before, material)(position, unit);
      return {
        says: say("byhand.contract"),
        terms, patches: [], byHand: sum + x, recorded: recordedAt(value, material, position, unit),
        lines: [{ name: say("byhand.line.added"), formula: `${number(sum)} ${added(x)}`, value: sum + x }],
      };
    },
  };
}

/** What leaves the last block: each position brought to a common length. */
export function leave(context: Context): Recipe {
  const { branch, value } = context;
  const blocks = branch.values.filter((one) => one.form === "attention").length;
  const way = wayInto(context, blocks + 1);
  const [count, width] = value.shape as [number, number];
  return {
    ...way, values: [value, ...way.values],
    axes: [placeAxis(context, count)],
    units: width,
    make: (material, unit, [position = 0]) => {
      const row = way.read(material).values.subarray(position * width, (position + 1) * width);
      const [own, made] = [row[unit]!, normalized(row, width)[unit]!];
      return {
        says: say("byhand.normalize"),
        terms: [], patches: [], byHand: made, recorded: recordedAt(value, material, position, unit),
        lines: [{ name: say("byhand.line.root"), formula: `${number(own)} / ${made ? number(own / made) : "…"}`, value: made }],
      };
    },
  };
}
