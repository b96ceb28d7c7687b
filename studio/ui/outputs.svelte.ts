// What the network answered to the watched examples at every recorded step: small, so all of it is
// fetched once the first view stands, chunk by chunk, newest first.

import { answerOf, isRight, type Answer } from "../core/answers";
import { say } from "../core/say";
import type { Trace } from "../core/trace";
import { studio } from "./studio.svelte";

export interface Output {
  step: number;
  /** Mean loss over the watched examples, as recorded. */
  loss: number;
  /** (examples, [members,] outputs). */
  values: Float32Array;
  shape: number[];
}

export const KEY = "activation/output";

class Outputs {
  private found = $state.raw<Output[]>([]);
  private of = $state.raw<Trace | null>(null);
  private busy = false;

  /** Those of the open run that are known by now. */
  get all(): Output[] {
    return this.of === studio.trace ? this.found : [];
  }

  /** Fetch what is missing; call it again whenever the run has grown. */
  async read(trace: Trace): Promise<void> {
    if (this.of !== trace) {
      this.of = trace;
      this.found = [];
    }
    if (this.busy) return;
    this.busy = true;
    try {
      for (;;) {
        const known = new Set(this.found.map((one) => one.step));
        const chunk = trace.index.recorded.filter(([step]) => !known.has(step)).at(-1)?.[1];
        if (chunk === undefined || this.of !== trace) break;
        await this.readChunk(trace, chunk, known);
      }
    } finally {
      this.busy = false;
    }
    if (this.of !== trace && this.of) void this.read(this.of);
  }

  private async readChunk(trace: Trace, chunk: number, known: Set<number>): Promise<void> {
    const found: Output[] = [];
    for (const [step, number] of trace.index.recorded) {
      if (number !== chunk || known.has(step)) continue;
      const look = await trace.look(step, [KEY]);
      const seen = look.seen(KEY);
      if (!seen) throw new Error(say("state.outputs"));
      found.push({ step, loss: look.loss, values: seen.values, shape: seen.shape });
    }
    if (this.of === trace) this.found = [...this.found, ...found].sort((a, b) => a.step - b.step);
  }
}

export const outputs = new Outputs();

/** One example's part of an output. */
export function outputOf(one: Output, example: number): { values: Float32Array; shape: number[] } {
  const shape = one.shape.slice(1);
  const size = shape.reduce((product, n) => product * n, 1);
  return { values: one.values.subarray(example * size, (example + 1) * size), shape };
}

/** The chosen example's answer at every recorded step that is known by now. */
export function answersAlong(): { step: number; answer: Answer }[] {
  const { manifest, example } = studio;
  if (!manifest) return [];
  return outputs.all.map((one) => {
    const { values, shape } = outputOf(one, example);
    return { step: one.step, answer: answerOf(manifest.task, values, shape) };
  });
}

/** The first recorded step from which on the answer stays right. */
export function firstRight(): number | null {
  const target = studio.target;
  if (target === null) return null;
  const along = answersAlong();
  return along.find(({ answer }) => isRight(answer, target))?.step ?? null;
}

/** Keep the outputs up to date while a component is shown. */
export function watchOutputs(): void {
  $effect(() => {
    const { trace } = studio;
    if (!trace || studio.grown < 0 || !studio.inside?.output) return;
    const idle = globalThis.requestIdleCallback ?? ((work: () => void) => setTimeout(work, 200));
    idle(() => void outputs.read(trace).catch(() => undefined));
  });
  $effect(() => {
    studio.firstRight = firstRight();
  });
}
