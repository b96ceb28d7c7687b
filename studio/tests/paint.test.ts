import { describe, expect, test } from "vitest";
import { colorOf, enlarge, paint } from "../core/paint";

const enlarged = (rows: number, columns: number, across: number, down: number, tile: { x: number; y: number; width: number; height: number }) => {
  const to = new Uint32Array(across * down);
  enlarge(Uint32Array.from({ length: rows * columns }, (_, i) => i + 1), rows, columns, to, across, tile);
  return Array.from({ length: down }, (_, row) => [...to.subarray(row * across, (row + 1) * across)]);
};

describe("a picture in its tile", () => {
  test("each value fills its part, and nothing beside the tile is touched", () => {
    expect(enlarged(2, 2, 6, 5, { x: 1, y: 0, width: 4, height: 4 })).toEqual([
      [0, 1, 1, 2, 2, 0],
      [0, 1, 1, 2, 2, 0],
      [0, 3, 3, 4, 4, 0],
      [0, 3, 3, 4, 4, 0],
      [0, 0, 0, 0, 0, 0],
    ]);
  });

  test("what does not fit is left out, on each side", () => {
    expect(enlarged(2, 2, 3, 3, { x: -1, y: -1, width: 4, height: 4 })).toEqual([[1, 2, 2], [3, 4, 4], [3, 4, 4]]);
    expect(enlarged(2, 2, 3, 3, { x: 1, y: 1, width: 4, height: 4 })).toEqual([[0, 0, 0], [0, 1, 1], [0, 1, 1]]);
  });

  test("more values than pixels: some are left out, none is mixed with another", () => {
    const [line] = enlarged(1, 8, 4, 1, { x: 0, y: 0, width: 4, height: 1 });
    expect(new Set(line).size).toBe(4);
    expect(line).toEqual([...line!].sort((a, b) => a - b));
  });

  test("sizes that don't divide fill the whole tile", () => {
    expect(enlarged(1, 3, 7, 2, { x: 0, y: 0, width: 7, height: 2 }).flat().filter((one) => one === 0)).toEqual([]);
  });
});

test("a pixel has the color that its value has elsewhere in the page; what is missing is see-through", () => {
  const pixels = paint([-2, 0, 1, NaN], 2, 2, 2, "light");
  const said = (i: number) => `rgb(${pixels[4 * i]} ${pixels[4 * i + 1]} ${pixels[4 * i + 2]})`;
  expect([said(0), said(1), said(2)]).toEqual([-2, 0, 1].map((value) => colorOf(value, 2, "light")));
  expect([3, 7, 11, 15].map((i) => pixels[i])).toEqual([255, 255, 255, 0]);
});
