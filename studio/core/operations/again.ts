// Numbers that were not kept (of a large value only every so-many-th is) are made again from the
// numbers before them, as far back as need be: down to the example itself.

import type { Value } from "../inside";
import { ordinal, say } from "../say";
import type { Material, Recipe } from "./operation";

export type RecipeOf = (value: Value) => Recipe | null;

/** Whether every number of a value was kept. */
export function isWhole(value: Value): boolean {
  return value.strides.every((stride) => stride === 1);
}

/** All that a recipe reads, and what it takes to make what was not kept of that. */
export function everythingFor(recipe: Recipe, recipeOf: RecipeOf): Pick<Recipe, "values" | "weights" | "inputs"> {
  const values = new Set<Value>();
  const weights = new Set<string>();
  const inputs = new Set<string>();
  const add = (one: Recipe) => {
    for (const name of one.weights) weights.add(name);
    for (const group of one.inputs) inputs.add(group);
    for (const value of one.values) {
      if (values.has(value)) continue;
      values.add(value);
      const earlier = isWhole(value) ? null : recipeOf(value);
      if (earlier) add(earlier);
    }
  };
  add(recipe);
  return { values: [...values], weights: [...weights], inputs: [...inputs] };
}

/** The same material, which also answers for what was not kept. Each number is made once. */
export function completed(material: Material, recipeOf: RecipeOf): Material {
  const made = new Map<Value, Float64Array>();
  const recipes = new Map<Value, Recipe | null>();
  const whole: Material = {
    ...material,
    again(value, place) {
      let known = made.get(value);
      if (!known) {
        made.set(value, (known = new Float64Array(value.shape.reduce((product, n) => product * n, 1)).fill(NaN)));
        recipes.set(value, recipeOf(value));
      }
      const at = place.reduce((sum, n, axis) => sum * value.shape[axis]! + n, 0);
      const recipe = recipes.get(value);
      if (Number.isNaN(known[at]) && recipe) known[at] = numberOf(recipe, whole, value, place);
      return known[at]!;
    },
  };
  return whole;
}

function numberOf(recipe: Recipe, material: Material, value: Value, place: readonly number[]): number {
  const heads = value.form === "attention";
  const unit = heads ? place[0]! : place.at(-1)!;
  const at = heads ? place.slice(1) : place.slice(0, -1);
  return recipe.number ? recipe.number(material, unit, at) : recipe.make(material, unit, at).byHand;
}

/** What was kept of a value, in words: "every 2nd position and every 4th feature"; "" if all was. */
export function samplingOf(value: Value): string {
  const names = axisNames(value);
  const parts = value.strides.flatMap((stride, axis) => (stride > 1 ? [say("byhand.every", { nth: ordinal(stride), axis: names[axis]! })] : []));
  return parts.length ? parts.reduce((all, one) => say("label.and", { one: all, other: one })) : "";
}

function axisNames(value: Value): string[] {
  switch (value.form) {
    case "maps":
      return [say("sees.row"), say("path.column"), say("word.feature")];
    case "attention":
      return [say("word.head"), say("word.asking_position"), say("word.asked_position")];
    case "members":
      return [say("label.lossterms.member"), say("word.neuron")];
    case "columns":
      return [say("path.column"), say("word.feature")];
    case "sequence":
      return [say("path.choose"), say("word.feature")];
    default:
      return [say("word.number")];
  }
}
