import { describe, expect, it } from "vitest";
import { answersOf, evaluationAt, joinCourse, type Course } from "../core/course";
import { exact, rootInterval, shareInterval, wilson } from "../core/intervals";
import type { Task } from "../core/manifest";
import { calibrationError, commonestClass, confusion, headline, mixUps, perClass, perTag, scoreWords, sureBins } from "../core/results";

const classify: Task = { kind: "classify", target: "kind", metric: "accuracy", classes: ["a", "b", "c"] };

function courseOf(target: number[], values: number[][], outputs: number, more: Partial<Course> = {}): Course {
  return {
    rows: target.map((_, row) => row), target, width: 1, steps: values.map((_, i) => 10 * i), outputs,
    values: values.map((one) => Float32Array.from(one)), ...more,
  };
}

it("takes what rounding leaves of zero for zero", () => {
  expect([scoreWords("quadratic kappa", -6.7e-16), scoreWords("R2", 0.25), scoreWords("accuracy", 1e-17)]).toEqual(["0", "0.2500", "0.0%"]);
});

describe("intervals", () => {
  it("are Wilson's, as in the textbook", () => {
    const [low, high] = wilson(81, 263);
    expect(low).toBeCloseTo(0.2553, 4);
    expect(high).toBeCloseTo(0.3662, 4);
    expect(wilson(359, 359)[1]).toBe(1);
  });

  it("are exact for few rows, as scipy.special.betaincinv gives them", () => {
    const [low, high] = exact(7, 10);
    expect(low).toBeCloseTo(0.3475471499, 8);
    expect(high).toBeCloseTo(0.9332604888, 8);
    expect(exact(0, 5)[0]).toBe(0);
    expect(exact(0, 5)[1]).toBeCloseTo(1 - 0.025 ** (1 / 5), 8);
    expect(shareInterval(30, 30)).toEqual([expect.closeTo(0.025 ** (1 / 30), 8), 1]);
    expect(shareInterval(0, 0)).toEqual([NaN, NaN]);
  });

  it("hold the usual miss", () => {
    const [low, high] = rootInterval([1, 4, 9, 16]);
    expect(low).toBeLessThan(Math.sqrt(7.5));
    expect(high).toBeGreaterThan(Math.sqrt(7.5));
  });
});

describe("answers over time", () => {
  const course = courseOf([0, 1, 2, 1], [[0.5, 0.3, 0.2, 0.1, 0.8, 0.1, 0.3, 0.4, 0.3, 0.6, 0.2, 0.2], [1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 1, 0]], 3);

  it("are those of the last evaluation up to a step", () => {
    expect(evaluationAt(course, 9)).toBe(0);
    expect(evaluationAt(course, 10)).toBe(1);
    expect(evaluationAt(course, Infinity)).toBe(1);
    expect(evaluationAt({ ...course, steps: [5, 10] }, 0)).toBe(0);
  });

  it("go on where they stopped, and nothing comes twice", () => {
    const more = { ...course, steps: [10, 20], values: [course.values[1]!, course.values[0]!] };
    expect(joinCourse(course, more).steps).toEqual([0, 10, 20]);
    expect(joinCourse(course, course)).toBe(course);
  });

  it("are the median grade where classes have an order", () => {
    expect(answersOf("grades", [0.4, 0.2, 0.4, 0.1, 0.2, 0.7], 3)).toEqual([1, 2]);
    expect(answersOf("classify", [0.4, 0.2, 0.4], 3)).toEqual([0]);
  });

  it("give a headline in counts, beside the commonest answer", () => {
    const head = headline(classify, course, course.values[0]!, 1);
    expect(head).toMatchObject({ right: 2, rows: 4, score: 0.5, constantRight: 2, constant: 0.5 });
    expect(headline(classify, course, course.values[1]!, 0)).toMatchObject({ right: 4, constantRight: 1 });
    expect(commonestClass({ b: 5, a: 2, c: 5 }, ["a", "b", "c"])).toBe(1);
  });

  it("give mix-ups and figures of each class", () => {
    const counts = confusion(course.target, answersOf("classify", course.values[0]!, 3), 3);
    expect(counts).toEqual([[1, 0, 0], [1, 1, 0], [0, 1, 0]]);
    expect(mixUps(counts)).toEqual([{ truth: 1, answer: 0, count: 1 }, { truth: 2, answer: 1, count: 1 }]);
    const [a, b, c] = perClass(counts, ["a", "b", "c"]);
    expect([a!.recall, a!.precision]).toEqual([1, 0.5]);
    expect([b!.recall, b!.precision]).toEqual([0.5, 0.5]);
    expect([c!.recall, c!.called]).toEqual([0, 0]);
  });
});

describe("numbers", () => {
  const task: Task = { kind: "regress", target: "price", metric: "RMSE", center: [3], spread: [1] };
  it("miss by the root of the mean square, beside always the mean", () => {
    const course = courseOf([1, 5], [[4, 1]], 1);
    expect(headline(task, course, course.values[0]!, 0)).toMatchObject({ right: null, score: Math.sqrt((9 + 16) / 2), constant: 2 });
  });
  it("in several units miss by a part of their spread", () => {
    const two: Task = { ...task, metric: "R2", center: [3, 100], spread: [2, 50] };
    const course = courseOf([1, 5], [[3, 100, 5, 100]], 2, { target: [1, 150, 5, 50], width: 2 });
    const [grams, share] = [(1 + 0) / 2, (1 + 1) / 2]; // mean squares in units of spread
    const score = Math.sqrt((grams + share) / 2);
    expect(headline(two, course, course.values[0]!, 0)).toMatchObject({ right: null, score, constant: 1 });
  });
});

describe("tags", () => {
  const task: Task = { kind: "tags", target: "k", metric: "micro F1", tags: ["x", "y"] };
  const course = courseOf([0, 1, 2], [[0.9, 0.2, 0.4, 0.6, 0.1, 0.1]], 2, { target: [1, 0, 1, 1, 0, 0], width: 2 });
  it("are right where all of them are", () => {
    expect(headline(task, course, course.values[0]!, 0)).toMatchObject({ right: 2, rows: 3, constantRight: 1 });
    const [x] = perTag(course, course.values[0]!, ["x", "y"]);
    expect(x).toMatchObject({ truly: 2, called: 1, both: 1, recall: 0.5, precision: 1 });
    expect(sureBins(task, course, course.values[0]!).reduce((sum, bin) => sum + bin.rows, 0)).toBe(6);
  });
});

describe("honesty", () => {
  it("is told by bins of equal width", () => {
    const course = courseOf([0, 0, 0, 0], [[0.95, 0.05, 0.95, 0.05, 0.95, 0.05, 0.05, 0.95]], 2);
    const bins = sureBins({ ...classify, classes: ["a", "b"] }, course, course.values[0]!);
    expect(bins[9]).toMatchObject({ rows: 4, right: 0.75 });
    expect(bins[9]!.sure).toBeCloseTo(0.95, 6);
    expect(bins[0]!.rows).toBe(0);
    expect(calibrationError(bins)).toBeCloseTo(0.2, 6);
  });
});
