// The shown moment, in figures and in words.

import { fixed, number } from "../core/numbers";
import { say } from "../core/say";
import { studio } from "./studio.svelte";

export interface Now {
  epoch: number;
  /** NaN where no step was made yet. */
  loss: number;
  /** "step 412 of 1,200, epoch 11.0, loss 0.48" */
  words: string;
}

export function now(): Now {
  const { step, steps, lastStep } = studio;
  const row = step === null ? -1 : (steps["step"]?.indexOf(step) ?? -1);
  const [epoch, loss] = row < 0 ? [0, NaN] : [steps["epoch"]![row]!, steps["loss"]![row]!];
  if (step === null) return { epoch, loss, words: "" };
  const said = say("time.now", { step, steps: lastStep, epoch: fixed(epoch, 1) });
  return { epoch, loss, words: Number.isNaN(loss) ? said : `${said}, ${say("time.loss", { loss: number(loss) })}` };
}
