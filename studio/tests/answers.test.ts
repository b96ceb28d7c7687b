import { describe, expect, it } from "vitest";
import { answerOf, blameOf, isRight, isUnsure, lossOf, tagsOf, truthOf, truthsOf } from "../core/answers";
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

describe("in words", () => {
  const kind = "classify" as const;

  it("calls an answer unsure only if it gets little more than its equal share", () => {
    const unsure = (...values: number[]) => isUnsure({ names: [], values, best: 0, kind });
    expect([unsure(0.53, 0.47), unsure(0.76, 0.24), unsure(0.49, 0.31, 0.2), unsure(0.7, 0.2, 0.1)]).toEqual([true, false, true, false]);
    const forty = (share: number) => unsure(share, ...Array.from({ length: 39 }, () => (1 - share) / 39));
    expect([forty(0.03), forty(0.2)]).toEqual([true, false]);
  });

  it("names the tags that get more than half", () => {
    expect(tagsOf(["new", "damp", "cold"], [0.9, 0.5, 0.51])).toBe("new, cold");
    expect(tagsOf(["new"], [0.1])).toBe("none of them");
  });

  it("says every number of the truth", () => {
    const task: Task = { kind: "regress", target: "price,size", metric: "RMSE", names: ["price", "size"], center: [100, 10], spread: [10, 2] };
    expect(truthsOf(task, [1, -1])).toEqual([110, 8]);
    expect(truthsOf({ kind, target: "k", metric: "accuracy", classes: ["a", "b"] }, 1)).toEqual(["b"]);
  });
});
