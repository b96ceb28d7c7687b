// The statistics of all recorded steps, read once for all panels.

import { untrack } from "svelte";
import { readRecords, Records } from "../../core/diagnostics";
import type { Trace } from "../../core/trace";
import { asRefusal, studio } from "../../ui/studio.svelte";

export class Reading {
  records = $state.raw<Records | null>(null);
  done = $state(0);
  problem = $state<string | null>(null);
  private of: Trace | null = null;
  private busy = false;

  /** Call it while a component is made. */
  constructor() {
    $effect(() => {
      const { trace } = studio;
      const looks = studio.recorded.length;
      if (trace && looks) void untrack(() => this.read(trace, looks));
    });
    $effect(() => () => (this.of = null));
  }

  private async read(trace: Trace, looks: number): Promise<void> {
    if (this.busy || (this.of === trace && this.records?.steps.length === looks)) return;
    this.busy = true;
    this.of = trace;
    try {
      const found = await readRecords(trace, (records) => {
        this.done = records.steps.length;
        return this.of === trace;
      });
      if (this.of === trace) this.records = found;
      this.problem = null;
    } catch (error) {
      this.problem = asRefusal(error).message;
    } finally {
      this.busy = false;
    }
  }
}
