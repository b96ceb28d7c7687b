import { describe, expect, it } from "vitest";
import type { Column } from "../core/manifest";
import type { Row } from "../core/rows";
import { bent, groundOf, numbersIn, strokeShare } from "../core/sketch";
import { bodyOf, cellsOf, factsOf, isStrange, settledAt, thin } from "../core/trying";
import { mixed, wav } from "../core/wav";

describe("a recording", () => {
  it("becomes a WAV file of 16-bit numbers", () => {
    const view = new DataView(wav(Float32Array.of(0, 0.5, -1, 2), 8000));
    const text = (at: number) => String.fromCharCode(...[0, 1, 2, 3].map((i) => view.getUint8(at + i)));
    expect([text(0), text(8), text(12), text(36)]).toEqual(["RIFF", "WAVE", "fmt ", "data"]);
    expect([view.getUint32(4, true), view.getUint32(24, true), view.getUint32(28, true), view.getUint32(40, true)]).toEqual([44, 8000, 16000, 8]);
    expect([0, 1, 2, 3].map((i) => view.getInt16(44 + 2 * i, true))).toEqual([0, 16384, -32768, 32767]);
  });

  it("of two channels is their mean", () => {
    expect(Array.from(mixed([Float32Array.of(1, 0), Float32Array.of(0, 0)]))).toEqual([0.5, 0]);
    expect(mixed([])).toHaveLength(0);
  });
});

describe("a drawing", () => {
  const picture = (border: number, inside: number[]) => {
    const pixels: number[] = [];
    for (let i = 0; i < 9; i++) pixels.push(...(i === 4 ? inside : [border, border, border]), 255);
    return groundOf(pixels, 3, 3);
  };
  it("stands on a ground like that of the pictures", () => {
    expect(picture(0, [255, 255, 255])).toEqual({ color: [0, 0, 0], ink: [255, 255, 255], colored: false });
    expect(picture(250, [200, 10, 10])).toEqual({ color: [250, 250, 250], ink: [0, 0, 0], colored: true });
  });

  it("has strokes that survive when it is made small", () => {
    expect(strokeShare(8)).toBe(0.14);
    expect(strokeShare(28)).toBeCloseTo(0.05);
    expect(strokeShare(224)).toBe(0.045);
  });
});

describe("a series", () => {
  it("is bent between two moments, whichever way the pointer goes", () => {
    expect(bent([0, 0, 0, 0], [0, 1], [2, 3])).toEqual([1, 2, 3, 0]);
    expect(bent([0, 0, 0, 0], [2, 3], [0, 1])).toEqual([1, 2, 3, 0]);
    expect(bent([0, 0], [1, 5], [1, 7])).toEqual([0, 7]);
    expect(bent([0, 0], [-3, 0], [5, 8])).toHaveLength(2);
  });

  it("can be typed", () => {
    expect(numbersIn("1, 2.5\n-3e1;4")).toEqual([1, 2.5, -30, 4]);
    expect(numbersIn("1, x")).toBeNull();
    expect(numbersIn("  ")).toBeNull();
  });
});

describe("what is sent", () => {
  const file = { blob: new Blob(["x"]), name: "drawing.png" };
  it("is JSON, or a form where files come along", () => {
    expect(bodyOf({ a: 1 }, {}, { steps: [0] })).toEqual({ value: { a: 1 }, steps: [0] });
    const form = bodyOf({ a: 1 }, { photo: file }, {}) as FormData;
    expect((form.get("photo") as File).name).toBe("drawing.png");
    expect(JSON.parse(form.get("order") as string)).toEqual({ value: { a: 1 } });
    expect(JSON.parse((bodyOf({}, { file }, {}) as FormData).get("order") as string)).toEqual({});
  });

  it("goes back to steps that are spread evenly", () => {
    expect(thin([0, 1, 2, 3, 4, 5, 6, 7, 8], 3)).toEqual([0, 4, 8]);
    expect(thin([0, 5], 24)).toEqual([0, 5]);
  });

  it("begins with what a watched example holds", () => {
    const columns = [
      { name: "n", modality: "number", role: "input" }, { name: "photo", modality: "image", role: "input" }, { name: "y", modality: "number", role: "target" },
    ] as Column[];
    expect(cellsOf({ n: { kind: "number", data: 3 }, photo: { kind: "image", data: {} }, y: { kind: "number", data: 1 } }, columns)).toEqual({ n: 3 });
  });
});

describe("columns", () => {
  const rows = [{ n: 1, w: "red" }, { n: 5, w: "blue" }, { n: null, w: "red" }].map(
    ({ n, w }) => ({ drawings: { n: { kind: "number", data: n }, w: { kind: "word", data: w } } }) as unknown as Row,
  );
  it("say what occurs in them", () => {
    expect(factsOf("n", rows)).toMatchObject({ low: 1, high: 5, step: 1 });
    expect(factsOf("w", rows).words).toEqual(["red", "blue"]);
    const fine = factsOf("n", [{ drawings: { n: { kind: "number", data: 0.5 } } }, { drawings: { n: { kind: "number", data: 2 } } }] as unknown as Row[]);
    expect(fine.step).toBe(0.01);
    expect(factsOf("nothing", rows)).toMatchObject({ low: 0, high: 1, words: [] });
  });
});

describe("what comes back", () => {
  it("is doubted where it is unlike what it learned from", () => {
    expect(isStrange({ row: 0, unlike: 0.002 })).toBe(true);
    expect(isStrange({ row: 0, unlike: 0.4 })).toBe(false);
    expect(isStrange({ row: 0, beyond: { a: [0, 1] } })).toBe(true);
    expect(isStrange({ row: 0 })).toBe(false);
  });

  it("settles at a step", () => {
    expect(settledAt(["3", "1", "7", "7"], [0, 40, 120, 400])).toBe(120);
    expect(settledAt(["7", "7"], [0, 40])).toBeNull();
    expect(settledAt([], [])).toBeNull();
  });
});
