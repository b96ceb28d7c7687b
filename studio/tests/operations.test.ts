import { describe, expect, it } from "vitest";
import { allValues, insideOf, type Value } from "../core/inside";
import type { Manifest } from "../core/manifest";
import { completed, everythingFor, recipeFor, samplingOf, type Material } from "../core/operations";
import { readSafetensors } from "../core/safetensors";
import { goldenBytes } from "./golden";

const KINDS: Record<string, [group: string, modality: string][]> = {
  cnn: [["file", "image"]],
  patches: [["file", "image"]],
  phrases: [["text", "text"]],
  rnn: [["text", "text"]],
  sentences: [["text", "text"]],
  series: [["value", "series"]],
  mlp: [["a", "number"], ["b", "number"], ["c", "number"], ["d", "category"], ["e", "category"]],
  joined: [["text", "text"], ["a", "number"], ["b", "number"], ["c", "number"]],
};
KINDS["tabm"] = KINDS["transformer"] = KINDS["mlp"]!;

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
      return seenOf(value, tensor.shape.slice(1), tensor.values);
    },
    weight: (weight) => one(`weight/${weight}`),
    input: (group) => ({ values: one(`input/${group}`).values, shape: one(`input/${group}`).shape.slice(1) }),
  };
  const values = allValues(inside);

  it.each(values.map((value) => [value.tap, value] as const))("%s by hand", (_, value) => {
    const recipe = recipeFor(manifest, inside, value)!;
    for (const weight of recipe.weights) one(`weight/${weight}`);
    let compared = 0;
    for (let unit = 0; unit < recipe.units; unit += 3) {
      for (let i = 0; i < 5; i++) {
        const at = recipe.axes.map((axis, k) => (i * 3 + k * 2) % axis.size);
        const made = recipe.make(material, unit, at);
        expect(made.byHand, `unit ${unit} at ${at}`).toBeCloseTo(made.recorded!, 3);
        if (recipe.number) expect(recipe.number(material, unit, at)).toBeCloseTo(made.byHand, 4);
        compared++;
      }
    }
    expect(compared).toBeGreaterThan(0);
  });

  // A large network keeps every second number; what lies between is made from the weights.
  it.each(values.map((value) => [value.tap, value] as const))("%s from samples", (tap) => {
    const few = { ...manifest, taps: manifest.taps.map((one) => ({ ...one, strides: stridesOf(one.shape) })) };
    const sampled = insideOf(few);
    const recipeOf = (value: Value) => recipeFor(few, sampled, value);
    const value = allValues(sampled).find((one) => one.tap === tap)!;
    const whole = allValues(inside).find((one) => one.tap === tap)!;
    const recipe = recipeOf(value)!;
    const needed = everythingFor(recipe, recipeOf);
    const thin = completed({
      seen: (of) => {
        if (!needed.values.includes(of)) throw new Error(`${of.tap} was not asked for`);
        return thinned(of, one(`activation/${of.tap}`));
      },
      weight: (weight) => {
        if (!needed.weights.includes(weight)) throw new Error(`${weight} was not asked for`);
        return material.weight(weight);
      },
      input: (group) => {
        if (!needed.inputs.includes(group)) throw new Error(`${group} was not asked for`);
        return material.input(group);
      },
    }, recipeOf);
    for (let unit = 0; unit < recipe.units; unit += 3) {
      for (let i = 0; i < 4; i++) {
        const at = recipe.axes.map((axis, k) => (i * 3 + k * 2 + 1) % axis.size);
        const true_ = recipeFor(manifest, inside, whole)!.make(material, unit, at).recorded!;
        expect(recipe.make(thin, unit, at).byHand, `unit ${unit} at ${at}`).toBeCloseTo(true_, 2);
      }
    }
  });
});

describe("attention", () => {
  const file = readSafetensors(goldenBytes("network-sentences.safetensors"));
  const manifest = { ...JSON.parse(file.notes["about"]!), columns: [{ name: "text", modality: "text", role: "input", why: "", fitted: {} }] } as Manifest;
  const inside = insideOf(manifest);
  const value = allValues(inside).find((one) => one.form === "attention")!;
  const tensor = (key: string) => file.tensors.get(key)!;
  const material: Material = {
    seen: (of) => seenOf(of, tensor(`activation/${of.tap}`).shape.slice(1), tensor(`activation/${of.tap}`).values),
    weight: (name) => tensor(`weight/${name}`),
    input: (group) => ({ values: tensor(`input/${group}`).values, shape: tensor(`input/${group}`).shape.slice(1) }),
  };

  it("gives every row of every head, with nothing for what is not there", () => {
    const recipe = recipeFor(manifest, inside, value)!;
    expect(recipe.units).toBe(2);
    for (const head of [0, 1]) {
      for (let query = 0; query < 7; query++) {
        const { attention } = recipe.make(material, head, [query, 0]);
        expect(attention!.shares.reduce((sum, one) => sum + one, 0)).toBeCloseTo(1, 5);
        expect(attention!.shares.slice(5)).toEqual([0, 0]);
        attention!.shares.forEach((share, key) => expect(share).toBeCloseTo(attention!.recorded[key]!, 3));
        const third = attention!.values.reduce((sum, one, key) => sum + one[3]! * attention!.shares[key]!, 0);
        expect(attention!.taken[3]).toBeCloseTo(third, 5);
      }
    }
  });
});

it("says how a value was sampled", () => {
  const value = (form: Value["form"], strides: number[]) => ({ form, strides }) as Value;
  expect(samplingOf(value("sequence", [1, 2]))).toBe("every 2nd feature");
  expect(samplingOf(value("maps", [3, 3, 11]))).toBe("every 3rd row and every 3rd column and every 11th feature");
  expect(samplingOf(value("attention", [1, 1, 1]))).toBe("");
});

function stridesOf(shape: readonly number[]): number[] {
  return shape.map((size, axis) => (axis > 0 && size > 1 && shape.length > 2 ? 2 : 1));
}

function seenOf(value: Value, shape: number[], values: ArrayLike<number>) {
  const part = { group: "activation", name: value.tap, shape: [1, ...shape], strides: [1, ...value.strides] };
  return { key: value.tap, step: 0, shape, values: Float32Array.from(values), part, statistics: { mean: 0, std: 0, zeros: 0, norm: 0 } };
}

/** Every second number of each axis, as the recorder would keep them. */
function thinned(value: Value, tensor: { shape: number[]; values: ArrayLike<number> }) {
  const full = tensor.shape.slice(1);
  const strides = stridesOf(tensor.shape).slice(1);
  const kept = full.map((size, axis) => Math.ceil(size / strides[axis]!));
  const values = Float32Array.from({ length: kept.reduce((a, b) => a * b, 1) }, (_, i) => {
    let rest = i;
    const place = kept.map(() => 0);
    for (let axis = kept.length - 1; axis >= 0; axis--) {
      place[axis] = (rest % kept[axis]!) * strides[axis]!;
      rest = Math.floor(rest / kept[axis]!);
    }
    return tensor.values[place.reduce((sum, n, axis) => sum * full[axis]! + n, 0)]!;
  });
  return seenOf(value, kept, values);
}
