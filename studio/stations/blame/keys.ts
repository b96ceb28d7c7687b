// Which weights the blame at the inputs is computed with: those of each branch's first layer.

import { firstConvolution } from "../../core/blame";
import type { Inside } from "../../core/inside";
import type { Manifest } from "../../core/manifest";

export const DENSE = "across.layers.0";

export function inputKeys(inside: Inside, manifest: Manifest): string[] {
  const found = inside.branches.flatMap((branch) => {
    const first = branch.part?.positions.length === 2 ? firstConvolution(branch, manifest.parameters) : null;
    const inner = branch.values.find((value) => value.form === "maps");
    return first && inner ? [`weight/${first.name}`, `activation_gradient/${inner.tap}`] : [];
  });
  const dense = ["weight", "stretch_in", "stretch_out"].map((name) => `${DENSE}.${name}`);
  const there = dense.filter((name) => manifest.parameters.some((one) => one.name === name));
  const sum = inside.across?.values.find((value) => value.what === "sum");
  if (there.length && sum) found.push(...there.map((name) => `weight/${name}`), `activation_gradient/${sum.tap}`);
  return found;
}
