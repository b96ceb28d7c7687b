import { describe, expect, it } from "vitest";
import { csv } from "../core/csv";
import { deadUnits, decades, diedAt, flow, isUsual, Records, shareOf, spreadOverTime, stepTimes, updateRatios } from "../core/diagnostics";
import type { Statistics } from "../core/looks";
import { Look } from "../core/trace";
import { Chunk } from "../core/looks";
import { goldenBytes } from "./golden";

const look = (step: number, norms: Record<string, number>) =>
  ({ step, statistics: (key: string) => (key in norms ? { mean: 0, std: 1, zeros: 0, norm: norms[key]! } : null) }) as unknown as Look;

describe("records", () => {
  const records = new Records();
  const keys = ["weight/a", "update/a", "weight/b"];
  records.add(look(0, { "weight/a": 2, "weight/b": 0 }), keys);
  records.add(look(5, { "weight/a": 4, "update/a": 0.004, "weight/b": 1 }), keys);

  it("give a course of each tensor, with gaps", () => {
    expect(records.course("update/a", "norm")).toEqual([NaN, 0.004]);
    expect(records.course("nothing", "norm")).toEqual([NaN, NaN]);
    expect(records.at("weight/a", 5)?.norm).toBe(4);
    expect(records.at("weight/a", 6)).toBeNull();
  });

  it("give the share by which weights moved", () => {
    expect(updateRatios(records, "a")).toEqual([NaN, 0.001]);
    expect(updateRatios(records, "b")).toEqual([NaN, NaN]);
    expect([isUsual(0.001), isUsual(0.1), isUsual(1e-6), isUsual(NaN)]).toEqual([true, false, false, true]);
  });

  it("read the statistics that Python wrote", () => {
    const chunk = new Chunk(goldenBytes("look.safetensors"));
    const key = chunk.keys()[0]!;
    const written = new Records();
    written.add(new Look(chunk.steps[0]!, null, new Map([["steps", [chunk, 0]]]), 1), chunk.keys());
    const statistics = chunk.statistics(key, 0) as Statistics;
    expect(written.course(key, "norm")).toEqual([statistics.norm]);
  });
});

describe("gradients on their way back", () => {
  it("are told by the first layer's for the last one's", () => {
    expect([flow(1e-5, 1), flow(1, 1), flow(1e4, 1), flow(NaN, 1), flow(1, 0)]).toEqual(["vanishes", "even", "explodes", "unknown", "unknown"]);
  });
});

describe("scales", () => {
  it("are powers of ten around all values above zero", () => {
    expect(decades([0.03, 0, NaN, 4])).toEqual([0.01, 10]);
    expect(decades([100, 100])).toEqual([100 / 10, 100]);
    expect(decades([1e-30, 1], 4)).toEqual([1e-4, 1]);
    expect(decades([0, NaN])).toBeNull();
    expect(shareOf(1, [0.01, 100], true)).toBeCloseTo(0.5);
    expect(shareOf(500, [0, 100], false)).toBe(1);
    expect(shareOf(NaN, [0, 1], false)).toBeNaN();
  });
});

describe("dead units", () => {
  it("are 0 for all examples at all places", () => {
    expect(deadUnits([0, 1, 0, 0, 0, 0], 3)).toEqual([0, 2]);
    expect(deadUnits([0, -1, 2], 3)).toEqual([0]);
  });

  it("are dead since the last step at which they said something", () => {
    expect(diedAt([0, 5, 9], [[1], [1, 2], [1, 2]])).toEqual([{ unit: 1, step: 0 }, { unit: 2, step: 5 }]);
    expect(diedAt([0, 5, 9], [[1], [], [1]])).toEqual([{ unit: 1, step: 9 }]);
    expect(diedAt([], [])).toEqual([]);
  });
});

describe("distributions", () => {
  it("share one range, the highest bin first", () => {
    const spread = spreadOverTime([0, 1], [[-1, 1], [1, 1]], 2);
    expect([spread.low, spread.high]).toEqual([-1, 1]);
    expect(Array.from(spread.shares)).toEqual([0.5, 1, 0.5, 0]);
    expect(spreadOverTime([0], [[3, 3]], 2)).toMatchObject({ low: 2, high: 4 });
  });
});

describe("times", () => {
  it("are what passed between steps", () => {
    expect(stepTimes([1, 2, 4], [0.5, 0.6, 1.0])).toEqual({ x: [2, 4], y: [expect.closeTo(100), expect.closeTo(200)] });
  });
});

describe("csv", () => {
  it("quotes what needs it, and leaves out what is no number", () => {
    expect(csv({ head: ["a", 'b "x"'], rows: [[1.5, "c, d"], [NaN, null]] })).toBe('a,"b ""x"""\n1.5,"c, d"\n,\n');
  });
});
