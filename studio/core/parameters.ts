// The weights of a network as people call them.

import type { Manifest, Named } from "./manifest";
import { say } from "./say";

export interface Parameter extends Named {
  /** "file, stage 1, convolution". */
  title: string;
  whole: boolean;
}

const WORDS: [RegExp, string][] = [
  [/^branches\.([^.]+)\./, "$1 / "],
  [/^across\./, say("parameter.columns")],
  [/^head\.(?:\d+\.)?/, say("parameter.answer")],
  [/network\.stages\.(\d+)\.convolutions\.(\d+)/, say("parameter.convolution")],
  [/network\.stages\.(\d+)\.(\w+)/, say("parameter.stage")],
  [/(?:network\.)?layers\.(\d+)/, say("parameter.layer")],
  [/(?:network\.)?blocks\.(\d+)\./, say("parameter.block")],
  [/embed\.table|lookup\.table/, say("parameter.table")],
  [/embed\.pairs/, say("parameter.pairs")],
  [/embed\.linear/, say("parameter.positions")],
  [/embed\.places/, say("parameter.places")],
  [/ \/ vectors\.(\w+)/, say("parameter.vectors")],
  [/\.(weight|bias)$/, ", $1"],
  [/queries_keys_values/, say("parameter.queries")],
  [/\.(stretch_in|stretch_out)/, ", $1"],
  [/\.weight_ih_l0/, say("parameter.weights.input")],
  [/\.weight_hh_l0/, say("parameter.weights.memory")],
  [/\.bias_ih_l0/, say("parameter.bias.input")],
  [/\.bias_hh_l0/, say("parameter.bias.memory")],
  [/_reverse/, say("parameter.backward")],
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
