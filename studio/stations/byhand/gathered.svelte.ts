// What it takes to make numbers of a layer by hand, at the shown step; the old one stays until the
// new one is there.

import type { Value } from "../../core/inside";
import { nearest } from "../../core/marks";
import { recipeFor, type Material, type Recipe } from "../../core/operations";
import type { Look } from "../../core/trace";
import { asRefusal, studio } from "../../ui/studio.svelte";
import { materialFor } from "./material";

interface Found {
  recipe: Recipe;
  material: Material;
  look: Look;
  step: number;
  /** The step whose weights were kept: the nearest one. */
  weights: number;
}

export function recipeOf(value: Value): Recipe | null {
  return studio.manifest && studio.inside ? recipeFor(studio.manifest, studio.inside, value) : null;
}

export class Gathered {
  private newest = $state.raw<Found | null>(null);
  problem = $state("");
  readonly recipe: Recipe | null = $derived.by(() => {
    const value = this.value();
    return value && recipeOf(value);
  });

  /** Call it while a component is made. */
  constructor(private readonly value: () => Value | null) {
    let turn = 0;
    $effect(() => {
      const { recipe } = this;
      const { trace, step, manifest, example } = studio;
      const one = this.value();
      if (!trace || !manifest || step === null || !recipe || !one) return;
      const mine = ++turn;
      const weights = manifest.weight_steps[nearest(manifest.weight_steps, step)] ?? 0;
      Promise.all([materialFor(trace, recipe, recipeOf, step, weights, example), trace.look(step, [`activation/${one.tap}`], example)])
        .then(([material, look]) => {
          if (mine !== turn) return;
          this.newest = { recipe, material, look, step, weights };
          this.problem = "";
        })
        .catch((error) => {
          if (mine === turn) this.problem = asRefusal(error).message;
        });
    });
  }

  /** Null until what the shown layer needs is there. */
  get found(): Found | null {
    return this.newest?.recipe === this.recipe ? this.newest : null;
  }
}
