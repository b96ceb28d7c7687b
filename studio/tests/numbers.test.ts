import { describe, expect, it } from "vitest";
import { digitsApart, number, percent, plain, signed, times } from "../core/numbers";
import { extent, logTicks, quantile, ticks } from "../core/ticks";

describe("figures", () => {
  it("are short and have a real minus", () => {
    expect([0.71234, 12345.6, -0.0000321, 0, 7, NaN, null].map((v) => number(v))).toEqual([
      "0.712", "12,346", "−3.21·10⁻⁵", "0", "7", "–", "–",
    ]);
    expect(signed(0.5)).toBe("+0.500");
    expect(signed(-2)).toBe("−2");
    expect(times([8, 8, 32])).toBe("8 × 8 × 32");
  });

  it("say 100% only of everything", () => {
    expect([1, 0.9999, 0.71, 0.016, 0.00001, 0].map((v) => percent(v))).toEqual([
      "100%", ">99.9%", "71%", "1.6%", "<0.1%", "0%",
    ]);
  });

  it("of the data stand as somebody wrote them", () => {
    expect([0.5, -1.1399999856948853, 250, 1200.5, 0.00062, 10].map(plain)).toEqual(["0.5", "−1.14", "250", "1,201", "6.2·10⁻⁴", "10"]);
  });

  it("have as many digits as tell two of them apart", () => {
    expect(digitsApart(0.5, 0.7)).toBe(4);
    const digits = digitsApart(-0.11957, -0.119584);
    expect(number(-0.11957, digits)).not.toBe(number(-0.119584, digits));
    expect(digits).toBe(5);
    expect(digitsApart(1, 1)).toBe(4);
  });
});

describe("ticks", () => {
  it("are round and inside", () => {
    expect(ticks(0, 96, 5)).toEqual([0, 20, 40, 60, 80]);
    expect(ticks(0.02, 0.11, 5)).toEqual([0.02, 0.04, 0.06, 0.08, 0.1]);
    expect(ticks(3, 3)).toEqual([3]);
    expect(logTicks(0.002, 30)).toEqual([0.01, 0.1, 1, 10]);
  });

  it("leave out what is not finite", () => {
    expect(extent([NaN, 3, -1, Infinity])).toEqual([-1, 3]);
    expect(extent([NaN])).toBeNull();
    expect(quantile([4, 1, NaN, 3, 2], 0.5)).toBe(2.5);
  });
});
