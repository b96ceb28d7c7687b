// Which recipe makes a watched value again; null where there is none yet.

import type { Branch, Inside, Value } from "../inside";
import type { Manifest } from "../manifest";
import { convolution } from "./convolution";
import { answer, neuron } from "./dense";
import { bins, direction, lookup, pair, project } from "./entering";
import { gate } from "./gru";
import type { Context, Recipe } from "./operation";
import { attention, contract, expand, gather, leave } from "./blocks";
import { pairs, pool } from "./positions";
import { phrase } from "./sequence";

export type { Axis, Material, Operation, Patch, Recipe, Term } from "./operation";
export { completed, everythingFor, isWhole, samplingOf } from "./again";
export { missing } from "./operation";
export type { AttentionRow } from "./transformer";

type Maker = (context: Context) => Recipe;

export function recipeFor(manifest: Manifest, inside: Inside, value: Value): Recipe | null {
  const branches = [...inside.branches, ...(inside.across ? [inside.across] : [])];
  const branch = branches.find((one) => one.values.includes(value)) ?? branches.at(-1);
  if (!branch) return null;
  const maker = makerFor(manifest, branch, value);
  return maker ? maker({ manifest, inside, branch, value }) : null;
}

function makerFor(manifest: Manifest, branch: Branch, value: Value): Maker | null {
  if (value.form === "output") return answer;
  if (value.form === "attention") return attention;
  if (value.form === "maps") return convolution;
  if (value.what === "pooled") return pool;
  if (value.what === "embedding") return embedding(manifest, branch);
  if (value.what === "number vectors") return bins;
  if (value.what === "pairs") return pair;
  if (value.what === "tokens and pairs") return pairs;
  if (value.what === "step outputs") return gate;
  if (branch.family === "cnn" && value.layer.startsWith("block")) return phrase;
  if (branch.family === "transformer") return inBlock(value);
  if (["mlp", "tabm"].includes(branch.family) && value.layer.startsWith("layer")) return neuron;
  return null;
}

function inBlock(value: Value): Maker | null {
  if (!value.layer.startsWith("block")) return value.what === "output" ? leave : null;
  const makers: Record<string, Maker> = { "after attention": gather, activation: expand, output: contract };
  return makers[value.what] ?? null;
}

function embedding(manifest: Manifest, branch: Branch): Maker | null {
  if (branch.part?.way === "lookup") return lookup;
  const has = (end: string) => manifest.parameters.some((one) => one.name.startsWith("branches.") && one.name.endsWith(end));
  if (branch.part?.positions.length) return has("embed.linear.weight") ? project : null;
  return has("vectors.direction") ? direction : null;
}
