// The answers on validation rows at every evaluation, fetched once and continued while a run learns.

import { untrack } from "svelte";
import { joinCourse, readCourse, type Course } from "../../core/course";
import type { Trace } from "../../core/trace";
import { asRefusal, studio } from "../../ui/studio.svelte";

export class Courses {
  course = $state.raw<Course | null>(null);
  problem = $state.raw<string | null>(null);
  /** Whether it has been asked at all. */
  asked = $state(false);
  private of: Trace | null = null;
  private busy = false;

  /** Call it while a component is made. */
  constructor() {
    $effect(() => {
      const { trace, manifest } = studio;
      if (!trace || !manifest || studio.grown < 0) return;
      const there = manifest.has.includes("answers");
      void untrack(() => this.read(trace, there));
    });
  }

  private async read(trace: Trace, there: boolean): Promise<void> {
    if (this.busy) return;
    if (this.of !== trace) this.course = null;
    this.of = trace;
    this.asked = true;
    if (!there) return;
    this.busy = true;
    try {
      const from = this.course?.steps.length ?? 0;
      const path = `runs/${encodeURIComponent(trace.run)}/answers?from=${from}`;
      // What a report carries comes at once, and does not grow.
      if (from && !studio.live) return;
      const found = readCourse(await studio.source.bytes(path));
      if (this.of === trace) this.course = this.course ? joinCourse(this.course, found) : found;
      this.problem = null;
    } catch (error) {
      this.problem = asRefusal(error).message;
    } finally {
      this.busy = false;
    }
  }
}
