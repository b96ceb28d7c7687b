// The weights of a network as people call them.

import type { Manifest, Named } from "./manifest";

export interface Parameter extends Named {
  /** "file, stage 1, convolution". */
  title: string;
  whole: boolean;
}

const WORDS: [RegExp, string][] = [
  [/^branches\.([^.]+)\./, "$1 / "],
  [/^across\./, "columns / "],
  [/^head\.(?:\d+\.)?/, "answer / "],
  [/network\.stages\.(\d+)\.convolutions\.(\d+)/, "block #1, convolution #2"],
  [/network\.stages\.(\d+)\.(\w+)/, "stage #1, $2"],
  [/(?:network\.)?layers\.(\d+)/, "layer #1"],
  [/(?:network\.)?blocks\.(\d+)\./, "block #1, "],
  [/embed\.table|lookup\.table/, "table of vectors"],
  [/embed\.pairs/, "vectors of pairs"],
  [/embed\.linear/, "vectors of positions"],
  [/embed\.places/, "places"],
  [/ \/ vectors\.(\w+)/, " / numbers as vectors, $1"],
  [/\.(weight|bias)$/, ", $1"],
  [/queries_keys_values/, "queries, keys, values"],
  [/\.(stretch_in|stretch_out)/, ", $1"],
  [/\.weight_ih_l0/, ", weights of the input"],
  [/\.weight_hh_l0/, ", weights of the memory"],
  [/\.bias_ih_l0/, ", bias of the input"],
  [/\.bias_hh_l0/, ", bias of the memory"],
  [/_reverse/, " (backward)"],
];

/** "branches.file.network.stages.0.convolution.weight" -> "file / stage 1, convolution, weight". */
export function parameterTitle(name: string): string {
  let title = name;
  for (const [pattern, words] of WORDS) {
    title = title.replace(pattern, (_, ...groups: string[]) =>
      words.replace(/[#$](\d)/g, (mark, place: string) => {
        const group = groups[Number(place) - 1]!;
        return mark.startsWith("#") ? String(Number(group) + 1) : group;
      }),
    );
  }
  return title.replaceAll("∙", ".").replaceAll("_", " ").replace(" / ,", " /").replace(/, weight$/, "");
}

export function parametersOf(manifest: Manifest): Parameter[] {
  // With a single branch its name in front of everything would only be noise.
  const single = manifest.network.parts.filter((part) => part.way !== "").length === 1;
  return manifest.parameters.map((one) => ({
    ...one,
    title: single ? parameterTitle(one.name.replace(/^branches\.[^.]+\./, "")) : parameterTitle(one.name),
    whole: (one.strides ?? []).every((stride) => stride === 1),
  }));
}

/** The one to begin with: the first small pictures there are, else the first matrix kept whole. */
export function firstShown(parameters: readonly Parameter[]): Parameter | null {
  const kernels = parameters.find((one) => one.whole && one.shape.length === 4 && one.shape[2]! > 1);
  const matrix = parameters.find((one) => one.whole && one.shape.length === 2 && Math.min(...one.shape) > 1);
  return kernels ?? matrix ?? parameters[0] ?? null;
}

/** Rows and columns in which a parameter is drawn: the first axis down, all others across. */
export function flatShape(shape: readonly number[]): [rows: number, columns: number] {
  if (shape.length === 1) return [1, shape[0]!];
  return [shape[0]!, shape.slice(1).reduce((product, n) => product * n, 1)];
}

/** Where a value stands: index 37 of (32, 3, 3) -> [4, 0, 1]. */
export function placeOf(index: number, shape: readonly number[]): number[] {
  const place: number[] = [];
  for (let axis = shape.length - 1, rest = index; axis >= 0; axis--) {
    place.unshift(rest % shape[axis]!);
    rest = Math.floor(rest / shape[axis]!);
  }
  return place;
}
