import { describe, expect, it } from "vitest";
import type { Manifest } from "../core/manifest";
import { placed, share, toldByFindings } from "../core/use";

describe("runs of a use", () => {
  it("tell their answers by findings, and everything else as always", () => {
    const use = { use: "forecast" } as Manifest;
    expect(toldByFindings(use, "prediction")).toBe(true);
    expect(toldByFindings(use, "try")).toBe(true);
    expect(toldByFindings(use, "loop")).toBe(false);
    expect(toldByFindings(use, "iteration")).toBe(false); // a step is a step, whatever is learned
    expect(toldByFindings({} as Manifest, "prediction")).toBe(false);
    expect(toldByFindings(null, "prediction")).toBe(false);
  });

  it("draws shares between 0 and 1", () => {
    expect(share(1, 4)).toBe(0.25);
    expect(share(-1, 4)).toBe(0);
    expect(share(9, 4)).toBe(1);
    expect(share(1, 0)).toBe(0);
  });

  it("places points inside the square, y upward", () => {
    const at = placed({ x: [0, 5, 10], y: [1, 1, 3] }, 100);
    expect(at[0]).toEqual({ x: 8, y: 92 });
    expect(at[2]).toEqual({ x: 92, y: 8 });
    expect(placed({ x: [4], y: [4] }, 100)).toEqual([{ x: 50, y: 50 }]);
  });
});
