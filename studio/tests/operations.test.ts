import { describe, expect, it } from "vitest";
import { allValues, insideOf, type Value } from "../core/inside";
import type { Manifest } from "../core/manifest";
import { recipeFor, type Material } from "../core/operations";
import { readSafetensors } from "../core/safetensors";
import { goldenBytes } from "./golden";

const KINDS: Record<string, [group: string, modality: string][]> = {
  cnn: [["file", "image"]],
  patches: [["file", "image"]],
  phrases: [["text", "text"]],
  rnn: [["text", "text"]],
  series: [["value", "series"]],
  mlp: [["a", "number"], ["b", "number"], ["c", "number"], ["d", "category"], ["e", "category"]],
};
KINDS["tabm"] = KINDS["transformer"] = KINDS["mlp"]!;
const NONE: Record<string, string[]> = { patches: ["after attention", "output"], transformer: ["after attention", "output"] };

describe.each(Object.keys(KINDS))("%s", (name) => {
  const file = readSafetensors(goldenBytes(`network-${name}.safetensors`));
  const columns = KINDS[name]!.map(([column, modality]) => ({ name: column, modality, role: "input", why: "", fitted: {} }));
  const manifest = { ...JSON.parse(file.notes["about"]!), columns } as Manifest;
  const inside = insideOf(manifest);

  const one = (key: string) => {
    const tensor = file.tensors.get(key);
    if (!tensor) throw new Error(`there is no ${key}`);
    return tensor;
  };
  const material: Material = {
    seen: (value: Value) => {
      const tensor = one(`activation/${value.tap}`);
      const shape = tensor.shape.slice(1);
      const part = { group: "activation", name: value.tap, shape: tensor.shape, strides: tensor.shape.map(() => 1) };
      const statistics = { mean: 0, std: 0, zeros: 0, norm: 0 };
      return { key: value.tap, step: 0, shape, values: Float32Array.from(tensor.values), part, statistics };
    },
    weight: (weight) => one(`weight/${weight}`),
    input: (group) => ({ values: one(`input/${group}`).values, shape: one(`input/${group}`).shape.slice(1) }),
  };

  it.each(allValues(inside).map((value) => [value.tap, value] as const))("%s by hand", (_, value) => {
    const recipe = recipeFor(manifest, inside, value);
    if (!recipe) {
      // Left out on purpose: what attention gathers, and the last normalization.
      expect(NONE[name]).toContain(value.what);
      return;
    }
    for (const weight of recipe.weights) one(`weight/${weight}`);
    let compared = 0;
    for (let unit = 0; unit < recipe.units; unit += 3) {
      for (let i = 0; i < 5; i++) {
        const at = recipe.axes.map((axis, k) => (i * 3 + k * 2) % axis.size);
        const made = recipe.make(material, unit, at);
        if (made.recorded !== null) {
          expect(made.byHand, `unit ${unit} at ${at}`).toBeCloseTo(made.recorded, 3);
          compared++;
        } else if (value.form === "attention") {
          expect(made.byHand).toBeCloseTo(1, 5);
          compared++;
        }
      }
    }
    expect(compared).toBeGreaterThan(0);
  });
});
