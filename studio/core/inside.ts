// The network as a person looks through it: branches from the inputs to the answer, and along each
// the values that are watched, with the picture that fits their shape.

import { featureNames, SHARED } from "./features";
import type { Manifest, Named, NetworkPart } from "./manifest";

/**
 * maps: (height, width, features), a picture a feature. sequence: (positions, features).
 * attention: (heads, query, key). members: (members, features). vector: (features,).
 * columns: (columns, floats), a vector a column. output: what the loss is computed from.
 */
export type Form = "maps" | "sequence" | "attention" | "members" | "vector" | "columns" | "output";

export interface Value {
  tap: string;
  /** The branch it belongs to, and its name within it. */
  group: string;
  layer: string;
  what: string;
  form: Form;
  /** Of one example, whole, an axis of height 1 left out. */
  shape: number[];
  /** How it was sampled, along the same axes. */
  strides: number[];
  /** Sums before they are normalized and bent: for those who want the numbers. */
  inner: boolean;
}

export interface Branch {
  group: string;
  part: NetworkPart | null;
  family: string;
  modality: string;
  /** Columns that travel in it, in the order of the columns of the run. */
  columns: string[];
  /** Names of the numbers that a table's columns enter as; empty where there are positions. */
  features: string[];
  values: Value[];
}

export interface Inside {
  branches: Branch[];
  /** The network across columns; null where a single branch leads to the answer. */
  across: Branch | null;
  output: Value | null;
}

const INNER = new Set(["convolution", "sum", "pairs", "after attention"]);

export function insideOf(manifest: Manifest): Inside {
  const values = manifest.taps.map((tap) => valueOf(tap, manifest.network.parts));
  const branch = (part: NetworkPart): Branch => ({
    group: part.part,
    part,
    family: part.family,
    ...columnsOf(part, manifest),
    values: values.filter((value) => value.group === part.part),
  });
  const parts = manifest.network.parts.filter((part) => part.family !== "answer");
  const across = parts.find((part) => part.part === "columns" && part.way === "");
  return {
    branches: parts.filter((part) => part !== across).map(branch),
    across: across ? branch(across) : null,
    output: values.find((value) => value.form === "output") ?? null,
  };
}

function valueOf(tap: Named, parts: NetworkPart[]): Value {
  const names = tap.name.split(" / ");
  const shape = tap.shape.slice(1);
  const strides = tap.strides?.length === tap.shape.length ? tap.strides.slice(1) : shape.map(() => 1);
  const group = names.length > 1 ? names[0]! : "";
  const part = parts.find((one) => one.part === group);
  const flat = shape.length === 3 && shape[0] === 1 && part?.positions.length === 1;
  if (flat) {
    shape.shift();
    strides.shift();
  }
  const what = names.at(-1)!;
  const layer = names.slice(1, -1).join(" / ") || what;
  return {
    tap: tap.name, group, layer, what, shape, strides,
    form: formOf(group, what, shape, part),
    inner: INNER.has(what),
  };
}

function formOf(group: string, what: string, shape: number[], part: NetworkPart | undefined): Form {
  if (group === "") return "output";
  if (what === "attention") return "attention";
  if (shape.length === 3) return "maps";
  if (shape.length === 1) return "vector";
  if (part?.family === "tabm") return "members";
  return part?.positions.length ? "sequence" : "columns";
}

function columnsOf(part: NetworkPart, manifest: Manifest): Pick<Branch, "modality" | "columns" | "features"> {
  const inputs = manifest.columns.filter((column) => column.role === "input");
  const own = inputs.find((one) => [one.name, `${one.name} (column)`].includes(part.part) && !SHARED.includes(one.modality));
  if (own) return { modality: own.modality, columns: [own.name], features: [] };
  const categories = part.part === "categories";
  const several = inputs.filter((one) => SHARED.includes(one.modality) && (one.modality === "category") === categories);
  const columns = several.map((one) => one.name);
  const single = several.every((one) => ["number", "category"].includes(one.modality));
  return { modality: categories ? "category" : "number", columns, features: featureNames(part.part, single ? columns : [], manifest.probe) };
}

/** What a place of a table's group is called. */
export function featureName(branch: Branch, place: number): string {
  return branch.features[place] ?? `${branch.group} ${place + 1}`;
}

/** All values from the input to the answer, in the order of the computation. */
export function allValues(inside: Inside): Value[] {
  const branches = inside.branches.flatMap((branch) => branch.values);
  return [...branches, ...(inside.across?.values ?? []), ...(inside.output ? [inside.output] : [])];
}

/** How many units a value has: features, heads, or members times features. */
export function unitsOf(value: Value): number {
  return value.form === "attention" ? value.shape[0]! : value.shape.at(-1)!;
}

/** Units that were kept of it, and which one each of them is. */
export function keptUnits(value: Value): { kept: number; unit: (index: number) => number } {
  const axis = value.form === "attention" ? 0 : value.shape.length - 1;
  const stride = value.strides[axis] ?? 1;
  return { kept: Math.ceil(value.shape[axis]! / stride), unit: (index) => index * stride };
}
