// Places among recorded steps.

import { expect, it } from "vitest";
import { nearest, nearestOf } from "../core/marks";

it("the nearest of rising values is found", () => {
  const steps = [0, 10, 20, 40];
  expect([-5, 4, 6, 29, 31, 900].map((at) => nearestOf(steps, at))).toEqual([0, 0, 1, 2, 3, 3]);
  expect([nearestOf([], 3), nearestOf([8], 3)]).toEqual([-1, 0]);
});

it("the last recorded step that is not after another is found", () => {
  expect([0, 9, 10, 39, 99].map((step) => nearest([0, 10, 20, 40], step))).toEqual([0, 0, 1, 2, 3]);
  expect(nearest([], 3)).toBe(-1);
});
