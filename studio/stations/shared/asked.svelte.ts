// Something of the run that is asked for when a room is opened: results, findings.

import { asRefusal, studio } from "../../ui/studio.svelte";

export class Asked<T> {
  value = $state.raw<T | null>(null);
  problem = $state.raw<string | null>(null);
  waiting = $state(false);
  private number = 0;

  /**
   * Call it while a component is made.
   *
   * path: within the run; null: do not ask (yet). Asked again whenever it changes or the run does.
   */
  constructor(path: () => string | null) {
    $effect(() => {
      const { trace } = studio;
      const wanted = path();
      this.value = this.problem = null;
      const mine = ++this.number;
      this.waiting = Boolean(trace && wanted);
      if (!trace || wanted === null) return;
      trace
        .ask<T>(wanted)
        .then((value) => mine === this.number && (this.value = value))
        .catch((error) => mine === this.number && (this.problem = asRefusal(error).message))
        .finally(() => mine === this.number && (this.waiting = false));
    });
  }
}

/** What the manifest says is there; null asks for nothing. */
export function ifThere(name: string, path: string): string | null {
  return studio.manifest?.has.includes(name) ? path : null;
}
