import { describe, expect, it } from "vitest";
import { pitchOf, rangeOf } from "../core/pitch";

describe("a loss one can hear", () => {
  const range = rangeOf([2, NaN, 0.02, 0.2, 0])!;

  it("spans what the run had, without what is no loss", () => {
    expect(range).toEqual([0.02, 2]);
    expect(rangeOf([NaN, 0])).toBeNull();
  });

  it("falls by an octave where the loss falls to a tenth", () => {
    expect(pitchOf(2, range)).toBeCloseTo(880);
    expect(pitchOf(0.2, range)).toBeCloseTo(440);
    expect(pitchOf(0.02, range)).toBeCloseTo(220);
  });

  it("stays within its two octaves, and is silent without a number", () => {
    expect(pitchOf(100, range)).toBeCloseTo(880);
    expect(pitchOf(0, range)).toBeCloseTo(220);
    expect(pitchOf(NaN, range)).toBeNull();
  });

  it("has a tone in the middle for a loss that never changes", () => {
    expect(pitchOf(1, [1, 1])).toBeCloseTo(440);
  });
});
