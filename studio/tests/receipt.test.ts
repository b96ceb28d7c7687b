import { describe, expect, it } from "vitest";
import { blamed, changes, plainChange, rateOf, stepsToTake, type Receipt } from "../core/receipt";

const receipt = {
  update: { rate: 0.01 },
  one: { clipped: 0.5, lines: [] as { name: string; formula: string; value: number }[] },
  values: [{ name: "first", blame: 1 }, { name: "unused", blame: null }, { name: "last", blame: 2 }],
  loss: { examples: [1, 2] },
  again: { examples: [0.5, 2.5] },
} as unknown as Receipt;

describe("a step made again", () => {
  it("can follow every kept step but the last one, which ended learning", () => {
    expect(stepsToTake([0, 4, 8, 10], 10)).toEqual([0, 4, 8]);
    expect(stepsToTake([10], 10)).toEqual([10]);
    expect(stepsToTake([], 10)).toEqual([]);
  });

  it("says what plain gradient descent would have done", () => {
    expect(plainChange(receipt)).toBeCloseTo(-0.005);
  });

  it("takes the rate of that weight where it has one of its own", () => {
    const lines = [{ name: "step", formula: "0.00058824 × (−0.0279) / (√0.042612 + 1e-08)", value: 0 }];
    const own = { ...receipt, one: { ...receipt.one, lines } } as unknown as Receipt;
    expect(rateOf(own)).toBe(0.00058824);
    expect(plainChange(own)).toBeCloseTo(-0.00029412);
  });

  it("sends blame from the last value to the first", () => {
    expect(blamed(receipt).map((value) => value.name)).toEqual(["last", "first"]);
  });

  it("tells of every example how its loss changed", () => {
    expect(changes(receipt)).toEqual([{ place: 0, before: 1, after: 0.5, change: -0.5 }, { place: 1, before: 2, after: 2.5, change: 0.5 }]);
  });
});
