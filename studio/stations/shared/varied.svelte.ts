// The model asked about watched examples with something changed, with the kept weights that are
// nearest to the time bar. Nothing is asked before somebody wants it; then it follows the page.

import { untrack } from "svelte";
import { nearest } from "../../core/marks";
import type { Order } from "../../core/vary";
import { api, asRefusal, inReport, studio } from "../../ui/studio.svelte";

class Wish {
  /** Whether the model may be asked, until the page is closed. */
  asked = $state(false);
}

export const wish = new Wish();
const known = new Map<string, unknown>();
const MOST_KNOWN = 200;

/** Why the model can't be asked now; null: it can. */
export function unable(): "vary.report" | "vary.later" | "vary.never" | "vary.weights" | null {
  const { manifest } = studio;
  if (inReport) return "vary.report";
  if (!manifest?.has.includes("model")) return studio.over ? "vary.never" : "vary.later";
  return manifest.weight_steps.length ? null : "vary.weights";
}

export class Varied<T> {
  found = $state.raw<T | null>(null);
  problem = $state("");
  private wanted: (() => Promise<T>) | null = null;
  busy = $state(false);

  /** Call it while a component is made. order: null asks nothing. */
  constructor(order: () => Order | null) {
    $effect(() => {
      const { manifest, step, view } = studio;
      const one = order();
      if (!wish.asked || unable() || !one || !manifest || step === null || view.run === null) return;
      if (manifest.run !== view.run) return; // another run is on its way: what would be asked is of this one
      const at = manifest.weight_steps[nearest(manifest.weight_steps, step)] ?? 0;
      const path = `runs/${encodeURIComponent(view.run)}/vary`;
      void this.want(() => ask<T>(path, manifest.version, { ...one, at }));
    });
  }

  /** One question at a time; of several wanted in the meantime only the last is asked. */
  private async want(ask: () => Promise<T>): Promise<void> {
    this.wanted = ask;
    if (untrack(() => this.busy)) return;
    this.busy = true;
    while (this.wanted) {
      const next = this.wanted;
      this.wanted = null;
      try {
        this.found = await next();
        this.problem = "";
      } catch (error) {
        this.problem = asRefusal(error).message;
      }
    }
    this.busy = false;
  }
}

async function ask<T>(path: string, version: string | undefined, order: object): Promise<T> {
  const key = `${path} ${version} ${JSON.stringify(order)}`;
  if (!known.has(key)) {
    if (known.size >= MOST_KNOWN) known.clear();
    known.set(key, await api.post<T>(path, order));
  }
  return known.get(key) as T;
}
