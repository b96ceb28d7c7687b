// A Transformer's blocks, whole: what enters one, how its positions look at each other, what comes
// out. Made again from the kept weights wherever a recorded value was kept only in part.
// src/pellucid/network/transformer.py; assemble.py for what enters the network across columns.

import { featureName, type Value } from "../inside";
import { isWhole } from "./again";
import { isThere, prefixOf, reader, type Context, type Material } from "./operation";

const EPS = 2 ** -23;

/** Positions side by side: (count, width). there: what attention may look at. */
export interface Positions {
  values: Float32Array;
  count: number;
  width: number;
  there: boolean[];
}

/** What a way reads, and how to make it. */
export interface Way {
  values: Value[];
  weights: string[];
  inputs: string[];
  read(material: Material): Positions;
}

/** What one head does for one asking position; lists over the asked positions. */
export interface AttentionRow {
  query: Float32Array;
  keys: Float32Array[];
  fits: number[];
  shares: number[];
  values: Float32Array[];
  /** What is taken: all values, each by its share. */
  taken: Float32Array;
}

/** One block's results, each (positions, its width). */
interface Through {
  after: Float32Array;
  hidden: Float32Array;
  output: Float32Array;
}

export function blockOf(value: Value): number {
  return Number(/block (\d+)/.exec(value.layer)?.[1] ?? 1);
}

/** Names of a block's four matrices. */
export function matricesOf(context: Context, block: number) {
  const { branch, manifest } = context;
  const prefix = `${prefixOf(branch, manifest)}${branch.part?.way === "" ? "" : "network."}blocks.${block - 1}`;
  return {
    ask: `${prefix}.queries_keys_values.weight`,
    gather: `${prefix}.gather.weight`,
    expand: `${prefix}.expand.weight`,
    contract: `${prefix}.contract.weight`,
  };
}

export function valueOfBlock(context: Context, block: number, what: string): Value {
  return context.branch.values.find((one) => one.layer === `block ${block}` && one.what === what)!;
}

/** What enters a block, with the weights that it takes to go through it. */
export function wayThrough(context: Context, block: number): Way {
  const into = wayInto(context, block);
  return { ...into, weights: [...into.weights, ...Object.values(matricesOf(context, block))] };
}

/** What enters a block; one behind the last: what leaves it. */
export function wayInto(context: Context, block: number): Way {
  const way = freshWay(context, block);
  const key = `${prefixOf(context.branch, context.manifest)} into ${block}`;
  return { ...way, read: (material) => once(entered, material, key, () => way.read(material)) };
}

function freshWay(context: Context, block: number): Way {
  if (block > 1) {
    const before = valueOfBlock(context, block - 1, "output");
    if (isWhole(before)) return { values: [before], weights: [], inputs: inputsOf(context), read: (material) => recorded(context, before, material) };
    const earlier = wayThrough(context, block - 1);
    return { ...earlier, read: (material) => ({ ...wayInto(context, block - 1).read(material), values: through(context, block - 1, material).output }) };
  }
  return context.branch.part?.way === "" ? entering(context) : embedded(context);
}

const inputsOf = ({ branch }: Context) => (branch.part?.way === "" ? [] : [branch.group]);

function recorded(context: Context, value: Value, material: Material): Positions {
  const [count, width] = value.shape as [number, number];
  return { values: all(value, material), count, width, there: placesThere(context, material, count) };
}

function all(value: Value, material: Material): Float32Array {
  const [count, width] = value.shape as [number, number];
  const read = reader(value, material);
  return Float32Array.from({ length: count * width }, (_, i) => read(Math.floor(i / width), i % width));
}

/** Attention looks at what is there; where nothing is, at everything. */
function placesThere({ branch }: Context, material: Material, count: number): boolean[] {
  if (branch.part?.way === "") return Array.from({ length: count }, () => true);
  const found = Array.from({ length: count }, (_, position) => isThere(branch, material, position));
  return found.includes(true) ? found : found.map(() => true);
}

/** The embedding of a branch, mapped to the blocks' width where it has another one. */
function embedded(context: Context): Way {
  const { branch, manifest } = context;
  const embedding = branch.values.find((one) => one.what === "embedding")!;
  const enter = `${prefixOf(branch, manifest)}network.enter`;
  const mapped = manifest.parameters.some((one) => one.name === `${enter}.weight`);
  return {
    values: [embedding],
    weights: mapped ? [`${enter}.weight`, `${enter}.bias`] : [],
    inputs: inputsOf(context),
    read: (material) => {
      const from = recorded(context, embedding, material);
      if (!mapped) return from;
      const weight = material.weight(`${enter}.weight`);
      const values = times(from.values, from.width, weight.values, weight.shape[0]!, material.weight(`${enter}.bias`).values);
      return { ...from, values, width: weight.shape[0]! };
    },
  };
}

/** Columns as positions: vectors of numbers and categories, and one of each branch. */
function entering(context: Context): Way {
  const width = valueOfBlock(context, 1, "after attention").shape[1]!;
  const ways = context.inside.branches.flatMap((branch) => {
    const last = branch.values.at(-1);
    const map = branch.family === "vectors" ? null : `branches.${branch.group.replaceAll(".", "∙") || "∙"}.to_position`;
    return last ? [{ last, map }] : [];
  });
  return {
    values: ways.map(({ last }) => last),
    weights: ways.flatMap(({ map }) => (map ? [`${map}.weight`, `${map}.bias`] : [])),
    inputs: [],
    read: (material) => {
      const parts = ways.map(({ last, map }) => {
        if (!map) return all(last, material);
        const read = reader(last, material);
        const vector = Float32Array.from({ length: last.shape[0]! }, (_, i) => read(i));
        return times(vector, vector.length, material.weight(`${map}.weight`).values, width, material.weight(`${map}.bias`).values);
      });
      const values = Float32Array.from(parts.flatMap((part) => Array.from(part)));
      const count = values.length / width;
      return { values, count, width, there: placesThere(context, material, count) };
    },
  };
}

/** What the positions of the network across columns are called. */
export function columnNames({ inside }: Context): string[] {
  return inside.branches.flatMap((branch) => {
    const last = branch.values.at(-1);
    if (!last) return [];
    return branch.family === "vectors" ? Array.from({ length: last.shape[0]! }, (_, i) => featureName(branch, i)) : [branch.group];
  });
}

// --- through a block ------------------------------------------------------------------------------

/** What a block makes of what enters it. */
export function through(context: Context, block: number, material: Material): Through {
  return once(passed, material, matricesOf(context, block).ask, () => compute(context, block, material));
}

type Known<T> = WeakMap<Material, Map<string, T>>;
const entered: Known<Positions> = new WeakMap();
const passed: Known<Through> = new WeakMap();

/** Made once for each material. */
function once<T>(known: Known<T>, material: Material, key: string, make: () => T): T {
  const found = known.get(material) ?? new Map<string, T>();
  known.set(material, found);
  let made = found.get(key);
  if (made === undefined) found.set(key, (made = make()));
  return made;
}

function compute(context: Context, block: number, material: Material): Through {
  const x = wayInto(context, block).read(material);
  const names = matricesOf(context, block);
  const matrix = (name: string) => material.weight(name).values;
  const heads = valueOfBlock(context, block, "attention").shape[0]!;
  const taken = takenByAll(x, matrix(names.ask), heads, turnsOf(context, x, heads));
  const after = plus(x.values, times(taken, x.width, matrix(names.gather), x.width));
  const hidden = times(normalized(after, x.width), x.width, matrix(names.expand), 4 * x.width).map((sum) => Math.max(0, sum) ** 2);
  return { after, hidden, output: plus(after, times(hidden, 4 * x.width, matrix(names.contract), x.width)) };
}

/** What every position takes, its heads side by side: (count, width). */
function takenByAll(x: Positions, ask: ArrayLike<number>, heads: number, turns: Turns | null): Float32Array {
  const floats = x.width / heads;
  const found = new Float32Array(x.count * x.width);
  for (let head = 0; head < heads; head++) {
    const { queries, keys, values } = headOf(x, ask, head, floats, turns);
    for (let query = 0; query < x.count; query++) {
      const { taken } = rowOf(queries[query]!, keys, values, x.there);
      found.set(taken, query * x.width + head * floats);
    }
  }
  return found;
}

/** One asking position of one head. */
export function attentionRow(context: Context, block: number, head: number, query: number, material: Material): AttentionRow {
  const x = wayInto(context, block).read(material);
  const heads = valueOfBlock(context, block, "attention").shape[0]!;
  const made = headOf(x, material.weight(matricesOf(context, block).ask).values, head, x.width / heads, turnsOf(context, x, heads));
  return rowOf(made.queries[query]!, made.keys, made.values, x.there);
}

/** softmax(query · key / √floats), and the values by these shares. */
function rowOf(query: Float32Array, keys: Float32Array[], values: Float32Array[], there: readonly boolean[]): AttentionRow {
  const root = Math.sqrt(query.length);
  const fits = keys.map((key, i) => (there[i] ? dot(query, key) / root : -Infinity));
  const highest = Math.max(...fits);
  const raised = fits.map((fit) => Math.exp(fit - highest));
  const all = raised.reduce((sum, one) => sum + one, 0);
  const shares = raised.map((one) => one / all);
  const taken = new Float32Array(query.length);
  values.forEach((value, i) => value.forEach((one, j) => (taken[j]! += shares[i]! * one)));
  return { query, keys, fits, shares, values, taken };
}

function headOf(x: Positions, ask: ArrayLike<number>, head: number, floats: number, turns: Turns | null) {
  const common = normalized(x.values, x.width);
  // Queries, keys and values lie below each other in one matrix, heads within each.
  const part = (which: number) => {
    const first = (which * x.width + head * floats) * x.width;
    const rows = times(common, x.width, Array.prototype.slice.call(ask, first, first + floats * x.width) as number[], floats);
    return Array.from({ length: x.count }, (_, i) => rows.subarray(i * floats, (i + 1) * floats));
  };
  const ready = (rows: Float32Array[]) => rows.map((row, i) => turned(normalized(row, floats), i, turns));
  return { queries: ready(part(0)), keys: ready(part(1)), values: part(2) };
}

// --- rotary positions -----------------------------------------------------------------------------

/** Cosines and sines, a pair of floats each: (positions, floats / 2). Null for a set of columns. */
interface Turns {
  cosines: Float32Array[];
  sines: Float32Array[];
}

function turnsOf({ branch }: Context, x: Positions, heads: number): Turns | null {
  if (branch.part?.way === "") return null;
  const floats = x.width / heads;
  const angles = Array.from({ length: x.count }, (_, position) =>
    Float32Array.from({ length: floats / 2 }, (_, i) => position * 10_000 ** ((-2 * i) / floats)),
  );
  return { cosines: angles.map((row) => row.map(Math.cos)), sines: angles.map((row) => row.map(Math.sin)) };
}

function turned(row: Float32Array, position: number, turns: Turns | null): Float32Array {
  if (!turns) return row;
  const half = row.length / 2;
  const [cosine, sine] = [turns.cosines[position]!, turns.sines[position]!];
  return row.map((one, i) => (i < half ? one * cosine[i]! - row[i + half]! * sine[i]! : one * cosine[i - half]! + row[i - half]! * sine[i - half]!));
}

// --- arithmetic -----------------------------------------------------------------------------------

/** Rows of `width` floats brought to a root mean square of 1. */
export function normalized(values: Float32Array, width: number): Float32Array {
  const found = new Float32Array(values.length);
  for (let start = 0; start < values.length; start += width) {
    let squares = 0;
    for (let i = start; i < start + width; i++) squares += values[i]! * values[i]!;
    const scale = 1 / Math.sqrt(squares / width + EPS);
    for (let i = start; i < start + width; i++) found[i] = values[i]! * scale;
  }
  return found;
}

/** (rows, width) times the transpose of (out, width), and a bias. */
function times(values: Float32Array, width: number, weight: ArrayLike<number>, out: number, bias?: ArrayLike<number>): Float32Array {
  const matrix = Float32Array.from(weight);
  const rows = values.length / width;
  const found = new Float32Array(rows * out);
  for (let row = 0; row < rows; row++) {
    for (let j = 0; j < out; j++) {
      let sum = bias?.[j] ?? 0;
      for (let i = 0; i < width; i++) sum += values[row * width + i]! * matrix[j * width + i]!;
      found[row * out + j] = sum;
    }
  }
  return found;
}

function plus(a: Float32Array, b: Float32Array): Float32Array {
  return a.map((one, i) => one + b[i]!);
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}
