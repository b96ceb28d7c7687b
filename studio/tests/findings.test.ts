import { describe, expect, it } from "vitest";
import type { Finding, FindingChart } from "../core/finding";
import { labelOf, nextOpen, suspectsOf, type Suspect } from "../core/labels";
import { bandOf, layoutOf, pathOf, STUDIES } from "../core/studies";

const suspect = (row: number): Suspect => ({ row, given: "a", suggested: "b", probability: 0.9, score: 0.1, resisted: null });

describe("labels that look wrong", () => {
  it("are read from the finding, whatever it holds", () => {
    expect(suspectsOf({ figures: { suspects: [suspect(3)] } } as unknown as Finding)).toHaveLength(1);
    expect(suspectsOf({ figures: {} } as unknown as Finding)).toEqual([]);
  });

  it("come one after the other, those decided about are passed over", () => {
    const all = [suspect(1), suspect(2), suspect(3)];
    expect(nextOpen(all, new Set(), 0)).toBe(1);
    expect(nextOpen(all, new Set([2, 3]), 0)).toBe(0);
    expect(nextOpen(all, new Set([1, 2, 3]), 2)).toBe(2);
    expect(nextOpen(all, new Set([1, 2, 3]), 0)).toBe(1);
  });

  it("are mended with what the task takes", () => {
    expect(labelOf("classify", "rose")).toBe("rose");
    expect(labelOf("tags", "a, b,")).toEqual(["a", "b"]);
    expect(labelOf("regress", " 1,5 ")).toBe(1.5);
    expect(labelOf("regress", "much")).toBeNull();
    expect(labelOf("regress", " ")).toBeNull();
  });
});

describe("charts of findings", () => {
  const chart: FindingChart = {
    title: "t", x: "rows", y: "error", kind: "lines", log: true, marks: [[1000, "here"]],
    lines: [{ name: "a", x: [10, 100, 1000], y: [0.4, null, 0.1], low: [0.3, 0.1, 0.05], high: [0.5, 0.3, 0.2] }],
  };
  const layout = layoutOf(chart, 200, 100);

  it("grow by factors where they are asked to", () => {
    expect([10, 100, 1000].map(layout.atX)).toEqual([0, expect.closeTo(100), 200]);
    expect(layout.xTicks).toEqual([10, 100, 1000]);
    expect(layout.y[0]).toBe(0);
    expect(layout.y[1]).toBeGreaterThan(0.5);
  });

  it("break where something is missing, and have bands where these are known", () => {
    const line = chart.lines[0]!;
    expect(pathOf(line.x, line.y, layout).match(/M/g)).toHaveLength(2);
    expect(bandOf(line.x, line.low, line.high, layout).match(/L/g)).toHaveLength(5);
    expect(bandOf(line.x, [], [], layout)).toBe("");
  });

  it("stand even with a single point", () => {
    const single = layoutOf({ ...chart, log: false, marks: [], lines: [{ name: "a", x: [5], y: [2], low: [], high: [] }] }, 100, 100);
    expect(single.atX(5)).toBe(50);
    expect(Number.isFinite(single.atY(2))).toBe(true);
  });
});

describe("studies", () => {
  it("are those of Python, each with a question", () => {
    expect(STUDIES).toHaveLength(13);
    expect(new Set(STUDIES.map((study) => study.part)).size).toBe(13);
  });
});
