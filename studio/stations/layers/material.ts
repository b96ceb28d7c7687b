// What a recipe needs, fetched: values of the shown step, kept weights, and encoded inputs.

import type { Material, Recipe } from "../../core/operations";
import type { Trace } from "../../core/trace";

export async function materialFor(
  trace: Trace,
  recipe: Recipe,
  step: number,
  weightStep: number,
  example: number,
): Promise<Material> {
  const keys = recipe.values.map((value) => `activation/${value.tap}`);
  const [look, weights, probe] = await Promise.all([
    trace.look(step, keys, example),
    recipe.weights.length ? trace.weights(weightStep, recipe.weights) : null,
    recipe.inputs.length ? trace.probe() : null,
  ]);
  return {
    seen: (value) => must(look.seen(`activation/${value.tap}`), value.tap),
    weight: (name) => must(weights?.tensors.get(name), name),
    input: (group) => {
      const tensor = must(probe?.tensors.get(`inputs/${group}`), group);
      const shape = tensor.shape.slice(1);
      const size = shape.reduce((product, n) => product * n, 1);
      return { values: Array.prototype.slice.call(tensor.values, example * size, (example + 1) * size) as number[], shape };
    },
  };
}

function must<T>(found: T | null | undefined, name: string): T {
  if (found === null || found === undefined) throw new Error(`'${name}' was not kept in this run`);
  return found;
}
