import { describe, expect, it } from "vitest";
import { HOME, readHash, writeHash, type View } from "../core/state";

const view: View = {
  run: "my digits.run",
  place: "features",
  step: 412,
  example: 3,
  layer: "file / stage 1 / activation",
  unit: 9,
  depth: "numbers",
};

describe("the address", () => {
  it("comes back as it was written", () => {
    expect(readHash(writeHash(view))).toEqual(view);
    expect(readHash(writeHash(HOME))).toEqual(HOME);
  });

  it("leaves out what is as usual", () => {
    expect(writeHash({ ...HOME, run: "a.run" })).toBe("#/a.run/prediction");
  });

  it("opens something whatever it says", () => {
    expect(readHash("#/a.run/nowhere?t=x&d=deep&x=-1")).toEqual({ ...HOME, run: "a.run" });
    expect(readHash("#/%E0%A4%A/loss").place).toBe("loss");
    expect(readHash("")).toEqual(HOME);
  });
});
