// What a unit sees, the way of a position, and answers to changed examples: against numbers by hand.

import { describe, expect, it } from "vitest";
import { fieldOf, laid, peakOf, sizeOf } from "../core/field";
import type { Branch, Value } from "../core/inside";
import type { Seen } from "../core/looks";
import type { Manifest, Task } from "../core/manifest";
import { keptPositions, pathOf, stopsOf, takenFrom } from "../core/path";
import { answerFrom, coursesOf, overPlane, placeOf, turnsOf, unitOverPlane, type Knob, type Plane } from "../core/vary";

function value(layer: string, what: string, shape: number[], strides = shape.map(() => 1)): Value {
  const form = what === "attention" ? "attention" : shape.length === 3 ? "maps" : "sequence";
  return { tap: `g / ${layer} / ${what}`, group: "g", layer, what, form, shape, strides, inner: false };
}

function branchOf(family: string, positions: number[], values: Value[]): Branch {
  const part = { part: "g", way: "project", positions, family, layers: [], parameters: 0 };
  return { group: "g", part, family, modality: "", columns: ["g"], features: [], values };
}

function seen(of: Value, values: number[]): Seen {
  const part = { group: "activation", name: of.tap, shape: [], strides: of.strides };
  return { key: of.tap, step: 3, shape: of.shape.map((n, i) => Math.ceil(n / of.strides[i]!)), values: Float32Array.from(values), part, statistics: { mean: 0, std: 0, zeros: 0, norm: 0 } };
}

describe("what a unit sees", () => {
  // A 5x5 window every second pixel, then 3x3 with the largest of four, then 3x3.
  const shapes: [string, string, number[]][] = [
    ["stage 1", "convolution", [16, 16, 8]], ["stage 1", "activation", [16, 16, 8]],
    ["stage 2", "convolution", [16, 16, 8]], ["stage 2", "activation", [8, 8, 8]],
    ["stage 3", "convolution", [8, 8, 8]], ["stage 3", "activation", [8, 8, 8]],
  ];
  const values = shapes.map((one) => value(...one));
  const branch = branchOf("cnn", [32, 32], values);
  const manifest = { parameters: [[8, 1, 5, 5], [8, 8, 3, 3], [8, 8, 3, 3]].map((shape, i) => ({ name: `branches.g.network.stages.${i}.convolution.weight`, shape })) } as unknown as Manifest;

  it("is the window itself in the first layer, cut at the edge", () => {
    expect(fieldOf(manifest, branch, values[1]!, [7, 0])).toEqual([[12, 16], [0, 2]]);
  });

  it("grows through pooling and windows", () => {
    // 4 -> pooled 8..9 -> window 7..10 -> every second pixel: 2 * 7 - 2 .. 2 * 10 + 2
    expect(fieldOf(manifest, branch, values[3]!, [4, 4])).toEqual([[12, 22], [12, 22]]);
    expect(fieldOf(manifest, branch, values[2]!, [8, 8])).toEqual([[12, 20], [12, 20]]);
    // 4 -> 3..5 -> pooled 6..11 -> 5..12 -> 8..26
    const spans = fieldOf(manifest, branch, values[5]!, [4, 4])!;
    expect(spans).toEqual([[8, 26], [8, 26]]);
    expect(sizeOf(spans)).toBe(19 * 19);
  });

  it("along a sequence is the longest window, and doubles where neighbors were joined", () => {
    const line = [value("block 1", "convolution", [40, 8]), value("block 1", "activation", [40, 8]), value("block 2", "convolution", [20, 8]), value("block 2", "activation", [20, 8])];
    const known = { parameters: [0, 1].flatMap((i) => [3, 5].map((k, j) => ({ name: `branches.g.network.stages.${i}.convolutions.${j}.weight`, shape: [4, 8, 1, k] }))) } as unknown as Manifest;
    const words = branchOf("cnn", [40], line);
    expect(fieldOf(known, words, line[1]!, [10])).toEqual([[8, 12]]);
    // 10 -> 8..12 of the joined ones -> 16..25 -> 14..27
    expect(fieldOf(known, words, line[3]!, [10])).toEqual([[14, 27]]);
  });

  it("is asked of convolutions only", () => {
    expect(fieldOf(manifest, branchOf("rnn", [32, 32], values), values[1]!, [0, 0])).toBeNull();
    expect(fieldOf(manifest, branch, value("pooled", "pooled", [16]), [0])).toBeNull();
  });

  it("begins where the unit is strongest", () => {
    expect(peakOf([0, 1, 5, 2, 0, 3], [2, 3])).toEqual([0, 2]);
  });

  it("lies on the page as its input does", () => {
    const sound = laid([3, 2], true);
    expect([sound.rows, sound.columns]).toEqual([2, 3]);
    // The highest band stands in the first row.
    expect(sound.at(0, 1)).toBe(3);
    expect(sound.cell([1, 1])).toEqual([0, 1]);
    expect(sound.place(0, 1)).toEqual([1, 1]);
    expect(laid([3, 2], false).at(1, 1)).toBe(3);
    expect(laid([5], false).cell([4])).toEqual([0, 4]);
  });
});

describe("the way of a position", () => {
  const enters = value("embedding", "embedding", [4, 2]);
  const attention = value("block 1", "attention", [2, 4, 4]);
  const after = value("block 1", "after attention", [4, 2]);
  const output = value("block 1", "output", [4, 2]);
  const last = value("output", "output", [4, 2]);
  const branch = branchOf("transformer", [4], [enters, attention, after, output, last]);
  const known = new Map<Value, Seen>([
    [enters, seen(enters, [0, 0, 3, 4, 0, 0, 0, 0])],
    [after, seen(after, [0, 0, 6, 8, 0, 0, 0, 0])],
    [output, seen(output, [0, 0, 6, 0, 0, 0, 0, 0])],
  ]);
  const read = (one: Value) => known.get(one) ?? null;

  it("has a stop at the entrance and after each half of a block", () => {
    expect(stopsOf(branch).map((stop) => [stop.part, stop.block])).toEqual([["enters", 0], ["attention", 1], ["small", 1]]);
  });

  it("tells how long it is, and what each part added", () => {
    const way = pathOf(branch, read, 1);
    expect(way.map((stop) => stop.length)).toEqual([5, 10, 6]);
    expect(way.map((stop) => stop.added)).toEqual([null, 5, 8]);
    expect(way[1]!.alike).toBeCloseTo(1);
    expect(way[2]!.alike).toBeCloseTo(0.6);
  });

  it("leaves out an entrance of another width", () => {
    const narrow = branchOf("transformer", [4], [value("embedding", "embedding", [4, 1]), after, output]);
    expect(pathOf(narrow, read, 1).map((stop) => stop.added)).toEqual([null, 8]);
  });

  it("has no stop where a position was not kept", () => {
    const sampled = value("block 1", "output", [4, 4], [2, 2]);
    const some = branchOf("transformer", [4], [sampled]);
    const own = () => seen(sampled, [1, 2, 3, 4]);
    expect(pathOf(some, own, 1)).toEqual([]);
    expect(pathOf(some, own, 2)[0]!.floats).toEqual([3, 4]);
    expect(keptPositions(some, null)).toEqual([0, 2]);
    expect(keptPositions(some, 2)).toEqual([0]);
  });

  it("says from where it took, over all heads", () => {
    const shares = seen(attention, [...Array(4).fill(0), 0.1, 0.2, 0.7, 0, ...Array(8).fill(0), ...Array(4).fill(0), 0.5, 0.2, 0.3, 0, ...Array(8).fill(0)]);
    const taken = takenFrom(attention, shares, 1);
    expect(taken.map((one) => one.position)).toEqual([2, 0, 1, 3]);
    expect(taken[0]!.share).toBeCloseTo(0.5);
  });
});

describe("answers to changed examples", () => {
  const kinds: Task = { kind: "classify", target: "kind", metric: "accuracy", classes: ["ash", "elm"] };
  const amount: Task = { kind: "regress", target: "price", metric: "RMSE", names: ["price"] };
  const knob: Knob = { column: { name: "x", kind: "number", values: [0, 1, 2] }, answers: [[[0.9, 0.1], [0.4, 0.6], [0.2, 0.8]], [[0.5, 0.5], [0.4, 0.6], [0.6, 0.4]]], step: 7 };

  it("follows one knob, for each row and on the mean", () => {
    const { each, mean } = coursesOf(knob, 1);
    expect(each).toEqual([[0.1, 0.6, 0.8], [0.5, 0.6, 0.4]]);
    expect(mean.map((one) => Number(one.toFixed(6)))).toEqual([0.3, 0.6, 0.6]);
  });

  it("finds where the answer becomes another one", () => {
    expect(turnsOf(kinds, knob.answers[0]!)).toEqual([{ at: 1, to: 1 }]);
    expect(turnsOf(kinds, knob.answers[1]!)).toEqual([{ at: 1, to: 1 }, { at: 2, to: 0 }]);
    expect(turnsOf(amount, [[1], [2]])).toEqual([]);
  });

  it("answers grades by their middle", () => {
    expect(answerFrom({ ...kinds, kind: "grades" }, [0.3, 0.3, 0.4]).best).toBe(1);
    expect(answerFrom(kinds, [0.3, 0.7]).best).toBe(1);
    expect(answerFrom(amount, [3]).best).toBe(-1);
  });

  it("knows the place of a row's own value", () => {
    expect(placeOf(knob.column, 1.2)).toBe(1);
    expect(placeOf(knob.column, null)).toBe(-1);
    expect(placeOf({ name: "town", kind: "category", values: ["Aa", "Bb"] }, "Bb")).toBe(1);
    expect(placeOf({ name: "town", kind: "category", values: ["Aa", "Bb"] }, "Cc")).toBe(-1);
  });

  it("lays a plane out with its second column upwards", () => {
    const plane: Plane = {
      columns: [{ name: "x", kind: "number", values: [0, 1] }, { name: "y", kind: "number", values: [0, 1, 2] }],
      answers: [[[1], [2], [3]], [[4], [5], [6]]], unit: [[10, 20, 30], [40, 50, 60]], step: 7,
    };
    expect(unitOverPlane(plane)).toEqual([30, 60, 20, 50, 10, 40]);
    expect(overPlane(plane, 0, amount, 2)).toEqual({ values: [1, 4, 0, 3, -1, 2], low: 1, high: 6 });
    expect(overPlane(plane, 0, kinds, 2).values).toEqual([3, 6, 2, 5, 1, 4]);
  });
});
