// How values enter: rows of a table, or floats through a linear map.
// src/pellucid/network: embed.py, numbers.py.

import { featureName } from "../inside";
import { added, number } from "../numbers";
import type { Tensor } from "../safetensors";
import { say } from "../say";
import { nothing, positionAxis, prefixOf, recordedAt, sumOf, type Axis, type Context, type Recipe, type Term } from "./operation";

/** A token or a category: one row of a table that was learned. */
export function lookup(context: Context): Recipe {
  const { branch, value, manifest } = context;
  const ranked = (branch.part?.positions.length ?? 0) > 0;
  const name = `${prefixOf(branch, manifest)}${ranked ? "embed" : "lookup"}.table.weight`;
  return {
    values: [value], weights: [name], inputs: [branch.group],
    axes: [ranked ? positionAxis(value) : columnAxis(context)],
    units: value.shape[1]!,
    make: (material, unit, [position = 0]) => {
      const id = material.input(branch.group).values[position]!;
      const table = material.weight(name);
      const entry = table.values[id * table.shape[1]! + unit]!;
      return {
        says: say(ranked ? "byhand.lookup.token" : "byhand.lookup.category", { id: String(id) }),
        terms: [], patches: [], byHand: entry, recorded: recordedAt(value, material, position, unit),
        lines: [{ name: say("byhand.line.row", { row: String(id), number: String(unit) }), formula: `table[${id}, ${unit}]`, value: entry }],
      };
    },
  };
}

const PAIRS = 2 ** 16;
const HASH = [1_000_003, 7_919] as const;

/** A token and its right neighbor: a row of a table that is found by a hash of both. */
export function pair(context: Context): Recipe {
  const { branch, value, manifest } = context;
  const name = `${prefixOf(branch, manifest)}embed.pairs.weight`;
  return {
    values: [value], weights: [name], inputs: [branch.group],
    axes: [positionAxis(value)],
    units: value.shape[1]!,
    make: (material, unit, [position = 0]) => {
      const ids = material.input(branch.group).values;
      const [own, right] = [ids[position]!, ids[position + 1] ?? 0];
      const recorded = recordedAt(value, material, position, unit);
      if (!own || !right) return { ...nothing(recorded), says: say("byhand.unpaired") };
      const row = (own * HASH[0] + right * HASH[1]) % PAIRS;
      const table = material.weight(name);
      const entry = table.values[row * table.shape[1]! + unit]!;
      return {
        says: say("byhand.pair", { own: String(own), right: String(right), pairs: String(PAIRS) }),
        terms: [], patches: [], byHand: entry, recorded,
        lines: [
          { name: say("byhand.line.which"), formula: `(${own} × ${HASH[0]} + ${right} × ${HASH[1]}) mod ${PAIRS}`, value: row },
          { name: say("byhand.line.row", { row: String(row), number: String(unit) }), formula: `table[${row}, ${unit}]`, value: entry },
        ],
      };
    },
  };
}

/** A number along its own direction, from its own origin. */
export function direction(context: Context): Recipe {
  const { branch, value, manifest } = context;
  const names = ["direction", "origin"].map((end) => `${prefixOf(branch, manifest)}vectors.${end}`);
  return {
    values: [value], weights: names, inputs: [branch.group],
    axes: [columnAxis(context)],
    units: value.shape[1]!,
    make: (material, unit, [column = 0]) => {
      const x = material.input(branch.group).values[column]!;
      const [way, origin] = names.map((name) => material.weight(name).values[column * value.shape[1]! + unit]!) as [number, number];
      const terms: Term[] = [{ name: featureName(branch, column), weight: way, factor: x }];
      return {
        says: say("byhand.direction"),
        terms, patches: [], byHand: way * x + origin, recorded: recordedAt(value, material, column, unit),
        lines: [{ name: say("byhand.line.origin"), formula: `${number(way * x)} ${added(origin)}`, value: way * x + origin }],
      };
    },
  };
}

/** A number by its place among the training values: a straight line, and bends at the bins. */
export function bins(context: Context): Recipe {
  const { branch, value, manifest } = context;
  const at = (end: string) => `${prefixOf(branch, manifest)}vectors.${end}`;
  const names = ["weight", "bias", "bends", "start", "slope", "low", "high"].map(at);
  return {
    values: [value], weights: names, inputs: [branch.group],
    axes: [columnAxis(context)],
    units: value.shape[1]!,
    make: (material, unit, [column = 0]) => {
      const read = (end: string) => material.weight(at(end)).values;
      const x = material.input(branch.group).values[column]!;
      const width = value.shape[1]!;
      const count = material.weight(at("bends")).shape[1]!;
      const terms: Term[] = [{ name: say("byhand.term.number"), weight: read("weight")[column * width + unit]!, factor: x }];
      for (let bin = 0; bin < count; bin++) {
        const cell = column * count + bin;
        if (read("slope")[cell] === 0) continue;
        const place = Math.min(read("high")[cell]!, Math.max(read("low")[cell]!, (x - read("start")[cell]!) * read("slope")[cell]!));
        terms.push({ name: say("byhand.term.part", { part: bin + 1 }), weight: read("bends")[cell * width + unit]!, factor: place });
      }
      const bias = read("bias")[column * width + unit]!;
      const sum = sumOf(terms);
      return {
        says: say("byhand.range"),
        terms, patches: [], byHand: sum + bias, recorded: recordedAt(value, material, column, unit),
        lines: [{ name: say("byhand.line.itsbias"), formula: `${number(sum)} ${added(bias)}`, value: sum + bias }],
      };
    },
  };
}

/** Floats at a position, or a small square of a picture, through a linear map. */
export function project(context: Context): Recipe {
  const { branch, value, manifest } = context;
  const prefix = `${prefixOf(branch, manifest)}embed.`;
  const placed = manifest.parameters.some((one) => one.name === `${prefix}places`);
  const names = ["linear.weight", "linear.bias", "normalize.mean", "normalize.std"].map((end) => prefix + end);
  return {
    values: [value], weights: [...names, ...(placed ? [`${prefix}places`] : [])], inputs: [branch.group],
    axes: [positionAxis(value)],
    units: value.shape[1]!,
    make: (material, unit, [position = 0]) => {
      const [weight, bias, mean, std] = names.map((name) => material.weight(name)) as [Tensor, Tensor, Tensor, Tensor];
      const { values, shape } = material.input(branch.group);
      const size = shape.at(-1)!;
      const inputs = weight.shape[1]!;
      const cells = cut(shape.slice(0, -1), inputs / size, position, value.shape[0]!, placed);
      const terms = Array.from({ length: inputs }, (_, i): Term => {
        const cell = cells[Math.floor(i / size)]!;
        const raw = cell < 0 ? NaN : values[cell * size + (i % size)]!;
        const factor = Number.isNaN(raw) ? 0 : (raw - mean.values[i % size]!) / std.values[i % size]!;
        return { get name() { return inputs > 1 ? say("label.input", { input: String(i + 1) }) : say("byhand.term.value"); }, weight: weight.values[unit * inputs + i]!, factor };
      });
      const sum = sumOf(terms);
      const b = bias.values[unit]!;
      const place = placed ? material.weight(`${prefix}places`).values[position * value.shape[1]! + unit]! : 0;
      const lines = [{ name: say("byhand.line.start"), formula: `${number(sum)} ${added(b)}`, value: sum + b }];
      if (placed) lines.push({ name: say("byhand.line.place"), formula: `${number(sum + b)} ${added(place)}`, value: sum + b + place });
      return {
        says: say("byhand.project"),
        terms, patches: [], lines, byHand: lines.at(-1)!.value, recorded: recordedAt(value, material, position, unit),
      };
    },
  };
}

/** Places of a patch's cells among all positions, -1 beyond the edge. */
function cut(positions: readonly number[], cells: number, patch: number, patches: number, placed: boolean): number[] {
  if (positions.length === 1) {
    return Array.from({ length: cells }, (_, i) => (patch * cells + i < positions[0]! ? patch * cells + i : -1));
  }
  const [height, width] = positions as [number, number];
  // Squares of a picture, each with a vector for its place, or whole lines or frames, in order.
  const side = Math.round(Math.sqrt(cells));
  const square = placed && side * side === cells && Math.ceil(height / side) * Math.ceil(width / side) === patches;
  const [high, wide] = square ? [side, side] : [cells / width, width];
  const across = Math.ceil(width / wide);
  const [top, left] = [Math.floor(patch / across) * high, (patch % across) * wide];
  return Array.from({ length: cells }, (_, i) => {
    const [row, column] = [top + Math.floor(i / wide), left + (i % wide)];
    return row < height && column < width ? row * width + column : -1;
  });
}

/** Columns of a table, under their names. */
function columnAxis({ branch, value }: Context): Axis {
  const size = value.shape[0]!;
  return { name: say("path.column"), size, names: Array.from({ length: size }, (_, i) => featureName(branch, i)) };
}
