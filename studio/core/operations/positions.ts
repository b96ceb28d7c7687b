// What is taken from all positions together, and tokens with their right neighbors.
// src/pellucid/network: pool.py, ngrams.py.

import type { Value } from "../inside";
import { added, number } from "../numbers";
import { say } from "../say";
import { positionAxis, reader, recordedAt, type Context, type Read, type Recipe } from "./operation";

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
      const found = before ? column(before, reader(before, material), feature) : [];
      const there = token ? Array.from(material.input(branch.group).values).filter((id) => id !== 0).length : found.length;
      const kept = found.filter((one) => !Number.isNaN(one)).slice(0, token ? there : undefined);
      const mean = kept.reduce((sum, one) => sum + one, 0) / Math.max(1, token ? there : kept.length);
      const most = Math.max(...kept);
      const result = unit < half ? mean : most;
      return {
        says: unit < half ? say("byhand.mean") : say("byhand.largest"),
        terms: [], patches: [], byHand: result, recorded: recordedAt(value, material, unit),
        lines: [{ name: say(unit < half ? "byhand.line.mean" : "byhand.line.largestof", { places: kept.length }), formula: kept.slice(0, 6).map((one) => number(one)).join(", ") + (kept.length > 6 ? ", …" : ""), value: result }],
      };
    },
  };
}

/** One feature at all places, in the order of the places. */
function column(value: Value, read: Read, feature: number): number[] {
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
    axes: [positionAxis(value)],
    units: value.shape[1]!,
    make: (material, unit, [position = 0]) => {
      const [own, pair] = parts.map((part) => reader(part, material)(position, unit)) as [number, number];
      return {
        says: say("byhand.token"),
        terms: [], patches: [], byHand: own + pair, recorded: recordedAt(value, material, position, unit),
        lines: [{ name: say("byhand.line.pair"), formula: `${number(own)} ${added(pair)}`, value: own + pair }],
      };
    },
  };
}
