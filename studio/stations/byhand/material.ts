// What a recipe needs, fetched: values of the shown step, kept weights, and encoded inputs. Numbers
// between those that were kept are made again from what comes before them.

import { completed, everythingFor, type Material, type Recipe } from "../../core/operations";
import type { Value } from "../../core/inside";
import type { Tensor } from "../../core/safetensors";
import { say } from "../../core/say";
import type { Trace } from "../../core/trace";

export async function materialFor(
  trace: Trace,
  recipe: Recipe,
  recipeOf: (value: Value) => Recipe | null,
  step: number,
  weightStep: number,
  example: number,
): Promise<Material> {
  const needed = everythingFor(recipe, recipeOf);
  const [look, weights, probe] = await Promise.all([
    trace.look(step, needed.values.map((value) => `activation/${value.tap}`), example),
    needed.weights.length ? trace.weights(weightStep, needed.weights) : null,
    needed.inputs.length ? trace.probe() : null,
  ]);
  const inputs = new Map<string, { values: number[]; shape: number[] }>();
  const material: Material = {
    seen: (value) => must(look.seen(`activation/${value.tap}`), value.tap),
    weight: (name) => must(weights?.tensors.get(name), name),
    input: (group) => {
      const known = inputs.get(group) ?? ofExample(must(probe?.tensors.get(`inputs/${group}`), group), example);
      inputs.set(group, known);
      return known;
    },
  };
  return completed(material, recipeOf);
}

/** The part of encoded inputs that belongs to one example. */
function ofExample(tensor: Tensor, example: number): { values: number[]; shape: number[] } {
  const shape = tensor.shape.slice(1);
  const size = shape.reduce((product, n) => product * n, 1);
  return { values: Array.prototype.slice.call(tensor.values, example * size, (example + 1) * size) as number[], shape };
}

function must<T>(found: T | null | undefined, name: string): T {
  if (found === null || found === undefined) throw new Error(say("byhand.unknown", { name }));
  return found;
}
