import { describe, expect, it } from "vitest";
import { featureNames, numbersOfColumns } from "../core/features";
import { insideOf } from "../core/inside";
import type { Manifest, Probe } from "../core/manifest";

const probe = {
  numbers: { scalars: [["area", ""], ["area", "missing"], ["sold", "year"], ["sold", "month, sine"]], categories: [["town", ""]] },
} as unknown as Probe;

describe("numbers of a table", () => {
  it("are called after their columns", () => {
    expect(featureNames("scalars", ["area", "sold"], probe)).toEqual(["area", "area: missing", "sold: year", "sold: month, sine"]);
  });

  it("are called after the columns alone where an older run does not tell more", () => {
    expect(featureNames("scalars", ["area", "sold"], null)).toEqual(["area", "sold"]);
  });

  it("of an older run stand nowhere if it does not tell which is whose", () => {
    expect(numbersOfColumns("scalars", ["area", "sold"], null, [1, 2, 3]).size).toBe(0);
    expect(numbersOfColumns("scalars", ["area", "sold"], null, [1, 2]).get("sold")).toEqual([["", 2]]);
  });

  it("stand under their columns", () => {
    const found = numbersOfColumns("scalars", ["area", "sold"], probe, [0.5, 0, 1, -1]);
    expect(found.get("area")).toEqual([["", 0.5], ["missing", 0]]);
    expect(found.get("sold")).toEqual([["year", 1], ["month, sine", -1]]);
  });

  it("are in the branch that reads them: words beside numbers, categories apart", () => {
    const column = (name: string, modality: string) => ({ name, modality, role: "input", why: "", fitted: {} });
    const part = (name: string) => ({ part: name, way: "project", positions: [], family: "vectors", layers: [], parameters: 0 });
    const inside = insideOf({
      columns: [column("area", "number"), column("town", "category"), column("extras", "words")],
      network: { parts: [part("scalars"), part("categories")], parameters: 0 }, taps: [], probe: null,
    } as unknown as Manifest);
    expect(inside.branches.map((branch) => branch.columns)).toEqual([["area", "extras"], ["town"]]);
  });
});
