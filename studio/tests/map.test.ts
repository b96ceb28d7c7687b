import { describe, expect, it } from "vitest";
import { loud, onPlane, planeOf } from "../core/map";

describe("a map of answers", () => {
  // Most of the spread lies along (1, 1, 0), less along (1, -1, 0), none along the third.
  const rows = [[3, 3, 1], [-3, -3, 1], [1, -1, 1], [-1, 1, 1]];
  const plane = planeOf(rows.flat(), 3);

  it("has the two directions in which answers differ most, at a right angle", () => {
    const [a, b] = plane.axes;
    expect(Math.abs(a[0]!)).toBeCloseTo(Math.SQRT1_2);
    expect(a[0]).toBeCloseTo(a[1]!);
    expect(b[0]).toBeCloseTo(-b[1]!);
    expect(a[2]).toBeCloseTo(0);
    expect(a.reduce((sum, one, i) => sum + one * b[i]!, 0)).toBeCloseTo(0);
  });

  it("keeps distances within its plane", () => {
    const [p, q] = onPlane(rows.flat(), 3, plane) as [[number, number], [number, number]];
    expect(Math.hypot(p[0] - q[0], p[1] - q[1])).toBeCloseTo(Math.hypot(6, 6));
  });

  it("puts everything at one point where nothing differs", () => {
    const same = [1, 2, 1, 2];
    expect(onPlane(same, 2, planeOf(same, 2))).toEqual([[0, 0], [0, 0]]);
  });

  it("treats shares by their size, down to a thousandth", () => {
    expect(Array.from(loud([1, 0])).map((one) => one.toFixed(3))).toEqual(["0.000", "-6.908"]);
  });
});
