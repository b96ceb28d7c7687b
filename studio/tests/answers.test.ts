import { describe, expect, it } from "vitest";
import { answerOf, blameOf, isRight, lossOf, truthOf } from "../core/answers";
import type { Task } from "../core/manifest";
import { expected } from "./golden";

interface Case {
  task: Task;
  output: number[][] | number[][][];
  target: (number | number[])[];
  prediction: number[][];
  loss: number[];
  blame: number[][];
}

describe.each((expected.answers as Case[]).map((one) => [one.task.kind, one] as const))("%s", (_, one) => {
  const shape = Array.isArray(one.output[0]![0]) ? [4, (one.output[0]![0] as number[]).length] : [one.output[0]!.length];
  const output = (row: number) => (one.output[row] as number[] | number[][]).flat();

  it("answers and errs as in Python", () => {
    one.target.forEach((target, row) => {
      const answer = answerOf(one.task, output(row), shape);
      answer.values.forEach((value, i) => expect(value).toBeCloseTo(one.prediction[row]![i]!, 10));
      expect(lossOf(one.task, output(row), shape, target)).toBeCloseTo(one.loss[row]!, 6);
    });
  });

  it.runIf(shape.length === 1)("blames as in Python", () => {
    one.target.forEach((target, row) => {
      blameOf(one.task, output(row), target).forEach((value, i) => {
        expect(value).toBeCloseTo(one.blame[row]![i]!, 6);
      });
    });
  });
});

describe("truth", () => {
  it("is said as people say it", () => {
    const regress = (expected.answers as Case[])[4]!.task;
    expect(truthOf(regress, [1])).toBe(250);
    expect(truthOf({ kind: "classify", target: "k", metric: "", classes: ["a", "b"] }, 1)).toBe("b");
    expect(truthOf({ kind: "tags", target: "k", metric: "", tags: ["a", "b"] }, [1, 1])).toBe("a, b");
    expect(isRight({ names: [], values: [], best: 1, kind: "classify" }, 1)).toBe(true);
    expect(isRight({ names: [], values: [], best: -1, kind: "regress" }, [1])).toBeNull();
  });
});
