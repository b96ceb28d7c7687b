import { expect, test } from "vitest";
import { around, veil } from "../core/overview";
import type { Faithful } from "../core/explanation";

const faithful = {} as Faithful;

test("what was not looked at lies in the dark", () => {
  const found = veil({ looked: [[1, 0], [0.5, 0]], faithful }, false);
  expect([found.rows, found.columns]).toEqual([2, 2]);
  expect([...found.pixels].filter((_, i) => i % 4 === 3)).toEqual([0, 199, 99, 199]);
});

test("a sound has its highest band on top, and time runs to the right", () => {
  const found = veil({ looked: [[0, 1], [0, 0], [0.5, 0]], faithful }, true);
  expect(found.looked).toEqual([[1, 0, 0], [0, 0, 0.5]]);
});

test("where it looked most, in words", () => {
  expect(around([[1, 0, 0], [0, 0, 0], [0, 0, 0]])).toBe("the upper left");
  expect(around([[0, 0, 0], [0, 1, 0], [0, 0, 0]])).toBe("the middle");
  expect(around([[0, 0, 0], [0, 0, 1], [0, 0, 0]])).toBe("the right");
  expect(around([[0, 0, 0], [0, 0, 0], [0, 1, 0]])).toBe("the lower middle");
  expect(around([[0, 0]])).toBe("no place");
});
