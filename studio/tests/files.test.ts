import { describe, expect, it } from "vitest";
import { widen, widenByTable } from "../core/half";
import { Chunk, whole } from "../core/looks";
import { readSafetensors } from "../core/safetensors";
import { joinSteps, ofFold, readSteps } from "../core/steps";
import { expected, goldenBytes } from "./golden";

describe("safetensors", () => {
  const file = readSafetensors(goldenBytes("tensors.safetensors"));

  it("reads every kind of number", () => {
    expect([...file.tensors.keys()].sort()).toEqual(
      ["bool", "edges", "float16", "float32", "float64", "int16", "int32", "int64", "none", "odd",
        "uint16", "uint32", "uint8"],
    );
    const first = (name: string) => Array.from(file.tensors.get(name)!.values).slice(0, 3);
    expect(first("odd")).toEqual([0, 1, 2]);
    expect(first("bool")).toEqual([1, 0, 1]);
    expect(file.tensors.get("none")!.shape).toEqual([0, 4]);
    const wide = Array.from(file.tensors.get("float64")!.values);
    const half = Array.from(file.tensors.get("float16")!.values);
    expect(wide).toHaveLength(15);
    expect(half.every((value) => Number.isFinite(value))).toBe(true);
  });

  it("reads the edges of 16-bit floats, with and without the browser's help", () => {
    const values = Array.from(file.tensors.get("edges")!.values);
    expect(values[2]).toBeCloseTo(5.96e-8, 10);
    expect(values.slice(3)).toEqual([65504, Infinity, -Infinity, NaN]);
    const all = Uint16Array.from({ length: 65_536 }, (_, i) => i);
    expect(widenByTable(all)).toEqual(widen(all));
  });

  it("keeps the notes and refuses what is cut", () => {
    expect(file.notes["said"]).toBe('as it is: ü {"a": 1}');
    const bytes = goldenBytes("tensors.safetensors");
    expect(() => readSafetensors(bytes.slice(0, 4))).toThrow("too short");
    expect(() => readSafetensors(bytes.slice(0, 60))).toThrow("within its header");
    expect(() => readSafetensors(bytes.slice(0, bytes.byteLength - 4))).toThrow("ends within");
  });
});

describe("looks", () => {
  const chunk = new Chunk(goldenBytes("look.safetensors"));

  it("are equal in Python and here", () => {
    expect(chunk.steps).toEqual([0, 12]);
    expected.looks.forEach((look: Record<string, never>, row: number) => {
      const values = (key: string) => Array.from(chunk.seen(key, row)!.values);
      expect(chunk.loss(row)).toBe(look["loss"]);
      expect(values("activation/output")).toEqual(look["output"]);
      expect(values("activation_gradient/output")).toEqual(look["gradient"]);
      expect(values("activation/file / stage 1 / activation").slice(12)).toEqual(look["stage"]);
      expect(values("weight/head.weight")).toEqual(look["weight"]);
      expect(chunk.statistics("weight/head.weight", row)!.norm).toBe(look["norm"]);
      if (look["update"]) expect(values("update/head.weight")).toEqual(look["update"]);
    });
  });

  it("know what was kept", () => {
    const seen = chunk.seen("activation/file / stage 1 / activation", 1)!;
    expect(seen.shape).toEqual([2, 3, 2, 2]);
    expect(seen.part.shape).toEqual([2, 3, 4, 2]);
    expect(whole(seen.part)).toBe(false);
    expect(chunk.seen("activation/nothing", 0)).toBeNull();
    expect(Number.isNaN(chunk.seen("update/head.weight", 0)!.values[0])).toBe(true);
  });
});

describe("steps", () => {
  const layout = { fields: expected.fields, size: expected.row_bytes };
  const bytes = goldenBytes("steps.bin");

  it("are equal in Python and here", () => {
    const steps = readSteps(bytes, layout);
    for (const [name, column] of Object.entries(expected.steps as Record<string, (number | null)[]>)) {
      expect(Array.from(steps[name]!), name).toEqual(column.map((value) => value ?? NaN));
    }
  });

  it("grow, and a torn row waits", () => {
    const first = readSteps(bytes.slice(0, layout.size + 7), layout);
    expect(first["step"]).toHaveLength(1);
    const all = joinSteps(first, readSteps(bytes.slice(layout.size), layout));
    expect(all).toEqual(readSteps(bytes, layout));
    expect(ofFold(all, 0)["step"]).toHaveLength(2);
  });
});
