// Which units of a layer are shown, and how values are laid out for a picture.

import { keptUnits, type Value } from "./inside";
import { extent } from "./ticks";
import { number, times } from "./numbers";
import { say } from "./say";

export const MOST_UNITS = 64;

/** Spread of each unit, where units are the last axis. */
export function spreads(values: ArrayLike<number>, units: number): Float64Array {
  const rows = Math.max(1, values.length / units);
  const sums = new Float64Array(units);
  const squares = new Float64Array(units);
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    sums[i % units]! += value;
    squares[i % units]! += value * value;
  }
  return squares.map((square, unit) => Math.max(0, square / rows - (sums[unit]! / rows) ** 2));
}

/** At most `most` units: those that vary most, in their own order. */
export function chosenUnits(values: ArrayLike<number>, units: number, most = MOST_UNITS): number[] {
  const all = Array.from({ length: units }, (_, unit) => unit);
  if (units <= most) return all;
  const spread = spreads(values, units);
  return all.sort((a, b) => spread[b]! - spread[a]!).slice(0, most).sort((a, b) => a - b);
}

/** Units by how much they vary, the most first. */
export function byVariance(values: ArrayLike<number>, units: number, most = MOST_UNITS): number[] {
  const spread = spreads(values, units);
  return Array.from(spread.keys()).sort((a, b) => spread[b]! - spread[a]!).slice(0, most);
}

/** (heads, query, key) with the heads last, as a picture a head. */
export function headsLast(values: ArrayLike<number>, shape: readonly number[]): Float32Array {
  const [heads = 1, queries = 1, keys = 1] = shape;
  const moved = new Float32Array(values.length);
  for (let head = 0; head < heads; head++) {
    for (let i = 0; i < queries * keys; i++) moved[i * heads + head] = values[head * queries * keys + i]!;
  }
  return moved;
}

/** The values of one unit, where units are the last axis. */
export function unitValues(values: ArrayLike<number>, units: number, unit: number): Float32Array {
  const found = new Float32Array(values.length / units);
  for (let i = 0; i < found.length; i++) found[i] = values[i * units + unit]!;
  return found;
}

/** Rows and columns of a grid for a plain list of values. */
export function gridOf(length: number, widest = 16): { rows: number; columns: number } {
  const columns = Math.min(widest, Math.max(1, Math.ceil(Math.sqrt(length))));
  return { rows: Math.ceil(length / columns), columns };
}

/** What a picture of a watched value shows, in a sentence. */
export function spokenValue(value: Value, values: ArrayLike<number>, shape: readonly number[], step: number): string {
  const [low, high] = extent(values) ?? [0, 0];
  const common = { name: titleOf(value), step, low: number(low), high: number(high) };
  if (value.form === "maps") {
    return say("picture.maps", { ...common, units: shape[2]!, height: shape[0]!, width: shape[1]! });
  }
  if (value.form === "attention") return say("picture.attention", { ...common, heads: shape[0]! });
  if (shape.length === 1) return say("picture.vector", { ...common, count: shape[0]! });
  return say("picture.heat", { ...common, rows: shape[0]!, columns: shape[1]! });
}

const WORDS: Record<string, string> = {
  activation: "",
  "step outputs": "",
  output: say("word.output"),
  "number vectors": say("value.numbers"),
  embedding: say("value.vectors"),
  pooled: say("value.pooled"),
  "tokens and pairs": say("value.pairs"),
  features: say("value.features"),
};

/** A name for people: "stage 1", "block 2, attention", "mean and maximum". */
export function titleOf(value: Value): string {
  if (value.form === "output") return say("regions.answer");
  const what = value.what in WORDS ? WORDS[value.what]! : value.what;
  const layer = value.layer === value.what ? "" : value.layer;
  return [layer, what].filter(Boolean).join(", ") || value.what;
}

/** What one value is, under its name: "32 features, 8 × 8". */
export function subtitleOf(value: Value): string {
  const shape = value.shape;
  const { kept } = keptUnits(value);
  const some = (units: number) => {
    const shown = Math.min(kept, MOST_UNITS);
    return shown < units ? say("label.of", { some: shown, all: units }) : String(units);
  };
  switch (value.form) {
    case "maps":
      return say("value.maps", { features: some(shape[2]!), size: times(shape.slice(0, 2)) });
    case "sequence":
      return say("value.sequence", { features: some(shape[1]!), positions: shape[0]! });
    case "attention":
      return say("value.attention", { heads: shape[0]!, size: times(shape.slice(1)) });
    case "members":
      return say("value.members", { members: shape[0]!, neurons: shape[1]! });
    case "columns":
      return say("value.columns", { columns: shape[0]!, numbers: shape[1]! });
    default:
      return say("value.vector", { numbers: shape[0]! });
  }
}
