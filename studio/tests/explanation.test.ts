import { describe, expect, it } from "vitest";
import { markedText, overTime, painted, type Explanation } from "../core/explanation";

const one = (places: number[][], values: number[]) => ({ places, values }) as Explanation;

describe("explanations", () => {
  it("mark words where they stand, counting characters as Python does", () => {
    const marked = markedText("a 😀 good day", one([[4, 8], [9, 12]], [0.5, -0.1]));
    expect(marked).toEqual([
      { text: "a 😀 ", value: null }, { text: "good", value: 0.5 }, { text: " ", value: null }, { text: "day", value: -0.1 },
    ]);
  });

  it("lie on a picture, and along time", () => {
    const picture = painted(one([[0, 0, 1, 2], [0, 2, 2, 3], [1, 0, 2, 2]], [1, 2, 3]));
    expect(picture).toEqual({ rows: 2, columns: 3, values: [1, 1, 2, 3, 3, 2] });
    expect(overTime(one([[0, 2, 0], [2, 4, 0], [0, 4, 1]], [1, 2, 9]), 0)).toEqual([1, 1, 2, 2]);
  });
});
