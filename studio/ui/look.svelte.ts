// The look that a station shows. While a new one is on its way the old one stays, with the step that
// it really belongs to; of several asked for in the meantime only the last is fetched.

import type { Look } from "../core/trace";
import { asRefusal, studio } from "./studio.svelte";

export class Watched {
  look = $state.raw<Look | null>(null);
  problem = $state.raw<string | null>(null);
  private busy = false;
  private wanted: (() => Promise<Look>) | null = null;

  /**
   * Call it while a component is made.
   *
   * keys: tensors, `GROUP/NAME`. ofExample: activations of the chosen example only.
   */
  constructor(keys: () => readonly string[], ofExample = true) {
    $effect(() => {
      const { trace, step } = studio;
      const example = ofExample ? studio.example : null;
      const names = keys();
      if (!trace || step === null) return;
      void this.want(() => trace.look(step, names, example));
    });
  }

  private async want(ask: () => Promise<Look>): Promise<void> {
    this.wanted = ask;
    if (this.busy) return;
    this.busy = true;
    while (this.wanted) {
      const next = this.wanted;
      this.wanted = null;
      try {
        this.look = await next();
        this.problem = null;
      } catch (error) {
        this.problem = asRefusal(error).message;
      }
    }
    this.busy = false;
  }
}
