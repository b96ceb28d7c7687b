import { describe, expect, it } from "vitest";
import { answerAndReason, differenceWords, sameSource, standingsOf, type Method, type RunLine, type Verdict } from "../core/verdict";

const method = (name: string, score: number): Method => ({ name, score, low: score, high: score, valid_score: null, seconds: 1, ms_per_row: 1, bytes: 1 });

describe("verdict", () => {
  it("is an answer and its reason", () => {
    expect(answerAndReason("No: no measurable difference (a: b).")).toEqual({ answer: "No", reason: "No measurable difference (a: b)." });
    expect(answerAndReason("Not compared: no classical method suits this data.").answer).toBe("Not compared");
    expect(answerAndReason("A sentence that has a colon far behind its start: so.").answer).toBe("");
  });

  it("puts the best first, whichever way is better", () => {
    const verdict = { network: method("network", 2), baselines: [method("trees", 1), method("constant", 3)] } as Verdict;
    expect(standingsOf(verdict, true).map((one) => one.name)).toEqual(["constant", "network", "trees"]);
    expect(standingsOf(verdict, false)[0]!.name).toBe("trees");
  });

  it("says a difference in points or in the metric's own unit", () => {
    expect(differenceWords("accuracy", 0.0195)).toBe("+1.9 points");
    expect(differenceWords("RMSE", -0.4877)).toBe("−0.488");
    expect(differenceWords("accuracy", 0)).toBe("0 points");
  });

  it("is compared with runs of the same source only", () => {
    const line = (run: string, source: string, target = "y", status = "done") => ({ run, source, target, status }) as RunLine;
    const runs = [line("a", "s"), line("b", "s"), line("c", "other"), line("d", "s", "z"), line("e", "s", "y", "damaged")];
    expect(sameSource(runs, { run: "a", source: "s", target: "y" }).map((one) => one.run)).toEqual(["b"]);
  });
});
