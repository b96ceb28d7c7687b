import { describe, expect, it } from "vitest";
import { lasting, scored, standing, type Example, type RunLine } from "../core/home";

const line = (part: Partial<RunLine>) => ({ status: "done", alive: false, stage: null, score: null, metric: null, ...part }) as RunLine;

describe("the first page", () => {
  it("says how good a run is", () => {
    expect(scored(line({ score: 0.98329, metric: "accuracy" }))).toBe("98.3% accuracy");
    expect(scored(line({ score: 18192.49, metric: "RMSE" }))).toBe("RMSE 18,192");
    expect(scored(line({}))).toBe("");
  });

  it("says where a run stands", () => {
    expect(standing(line({}))).toBe("");
    expect(standing(line({ status: "learning", alive: true, stage: "planning" }))).toBe("planning");
    expect(standing(line({ status: "learning" }))).toBe("stopped");
    expect(standing(line({ status: "starting" }))).toBe("starting");
    expect(standing(line({ status: "damaged" }))).toBe("damaged");
  });

  it("says how long an example takes, once that is known", () => {
    expect(lasting({ seconds: null } as Example)).toBe("about a minute");
    expect(lasting({ seconds: 5.4 } as Example)).toBe("5 s here");
    expect(lasting({ seconds: 203 } as Example)).toBe("3 min here");
  });
});
