import { expect, test } from "vitest";
import { overfitting } from "../core/overfitting";
import type { Steps } from "../core/steps";

/** 100 steps, measured on other rows at every tenth. */
function course(loss: (step: number) => number, valid: (step: number) => number): Steps {
  const step = Float64Array.from({ length: 100 }, (_, i) => i + 1);
  return { step, loss: step.map(loss), valid_loss: step.map((at) => (at % 10 === 0 ? valid(at) : NaN)) };
}

const falls = (step: number) => 1 / (1 + step / 10);

test("it starts behind the lowest loss on other rows, where that rises for good", () => {
  const found = overfitting(course(falls, (step) => 0.5 + Math.abs(step - 30) / 100));
  expect(found).toEqual({ step: 40, best: 0.5, last: expect.closeTo(1.15) });
});

test("no mark where both fall, where both rise, or where other rows stay as they are", () => {
  expect(overfitting(course(falls, (step) => 2 * falls(step)))).toBeNull();
  expect(overfitting(course((step) => step, (step) => step))).toBeNull();
  expect(overfitting(course(falls, (step) => 0.5 + 0.01 * (step % 20 ? 1 : -1)))).toBeNull();
});

test("a bump that passes is none, and neither are too few measurements", () => {
  expect(overfitting(course(falls, (step) => falls(step) + (step === 40 ? 0.3 : 0)))).toBeNull();
  const few = course(falls, (step) => step);
  few["valid_loss"]!.fill(NaN, 45);
  expect(overfitting(few)).toBeNull();
  expect(overfitting({})).toBeNull();
});
