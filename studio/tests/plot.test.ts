import { describe, expect, it } from "vitest";
import { along, axisOf, nearestOf, pixelsOf, ticksOf, valueAt } from "../core/plot";

describe("an axis", () => {
  it("holds all curves with a little room, and rather ends at 0 than beyond it", () => {
    expect(axisOf([[1, 3], [2, NaN]])).toEqual({ low: 0.88, high: 3.12, log: false });
    expect(axisOf([[0, 5]])).toEqual({ low: 0, high: 5.3, log: false });
    expect(axisOf([[-5, -0.1]]).high).toBe(0);
    expect(axisOf([[10, 320]], false, 0)).toEqual({ low: 10, high: 320, log: false });
  });
  it("has a length where there is one value or none", () => {
    for (const values of [[], [NaN], [0], [7], [-7]]) {
      for (const room of [0, 0.06]) {
        const axis = axisOf([values], false, room);
        expect(axis.high).toBeGreaterThan(axis.low);
      }
      const powers = axisOf([values], true);
      expect(powers.low).toBeGreaterThan(0);
      expect(powers.high).toBeGreaterThan(powers.low);
    }
  });
  it("leaves out of powers what has no logarithm", () => {
    const axis = axisOf([[0, -1, 0.01, 100]], true);
    expect(along(axis, 1)).toBeCloseTo(0.5);
    expect(axis.low).toBeLessThan(0.01);
    expect(along(axis, 0)).toBe(-Infinity);
  });
  it("goes both ways", () => {
    for (const axis of [{ low: 2, high: 5, log: false }, { low: 0.1, high: 30, log: true }]) {
      for (const share of [0, 0.3, 1]) expect(along(axis, valueAt(axis, share))).toBeCloseTo(share);
    }
  });
  it("names round values, of powers at least two", () => {
    expect(ticksOf({ low: 0, high: 5.3, log: false }, 5)).toEqual([0, 2, 4]);
    expect(ticksOf({ low: 0.02, high: 300, log: true }, 5)).toEqual([0.1, 1, 10, 100]);
    expect(ticksOf({ low: 2, high: 8, log: true }, 3)).toEqual([2, 4, 6, 8]);
  });
});

describe("pixels", () => {
  it("join over what is missing", () => {
    expect(pixelsOf([0, 1, 2], [5, NaN, 7], (x) => 10 * x, (y) => y)).toEqual([0, 5, 20, 7]);
  });
  it("show first, lowest, highest and last of a column, in their order", () => {
    const x = Array.from({ length: 1000 }, (_, i) => i);
    const y = x.map((i) => (i === 300 ? 99 : i === 700 ? -99 : i % 7));
    const found = pixelsOf(x, y, (one) => one / 10_000, (one) => one);
    expect(found.filter((_, i) => i % 2)).toEqual([0, 99, -99, 999 % 7]);
  });
  it("of few points are all of them", () => {
    const x = Array.from({ length: 50 }, (_, i) => i);
    expect(pixelsOf(x, x, (one) => 4 * one, (one) => one)).toHaveLength(100);
  });
});

it("the nearest of rising values is found", () => {
  const steps = [0, 10, 20, 40];
  expect([-5, 4, 6, 29, 31, 900].map((at) => nearestOf(steps, at))).toEqual([0, 0, 1, 2, 3, 3]);
  expect([nearestOf([], 3), nearestOf([8], 3)]).toEqual([-1, 0]);
});
