import { describe, expect, it } from "vitest";
import { flatShape, parameterTitle, placeOf } from "../core/parameters";

describe("parameters", () => {
  it("have names for people", () => {
    const named = {
      "branches.file.network.stages.0.convolution.weight": "file / stage 1, convolution",
      "branches.text.network.stages.1.convolutions.0.weight": "text / block 2, convolution 1",
      "branches.text.network.layers.0.weight_hh_l0_reverse": "text / layer 1, weights of the memory (backward)",
      "across.layers.0.stretch_in": "columns / layer 1, stretch in",
      "branches.a∙b.embed.table.weight": "a.b / table of vectors",
      "head.1.bias": "answer / bias",
      "head.weight": "answer / weight",
      "across.blocks.1.queries_keys_values.weight": "columns / block 2, queries, keys, values",
    };
    for (const [name, title] of Object.entries(named)) expect(parameterTitle(name)).toBe(title);
  });

  it("have places", () => {
    expect(placeOf(37, [32, 3, 3])).toEqual([4, 0, 1]);
    expect(flatShape([10, 192])).toEqual([10, 192]);
    expect(flatShape([32, 1, 3, 3])).toEqual([32, 9]);
    expect(flatShape([7])).toEqual([1, 7]);
  });
});
