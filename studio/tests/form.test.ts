// The form of a use: what is complete, and what a watched example becomes.
import { describe, expect, it } from "vitest";
import { accepts, complete, watched, type Field, type Way } from "../core/form";

const field = (name: string, more: Partial<Field> = {}): Field => ({
  name, kind: "line", label: name, value: null, options: [], low: 0, high: 1, step: 1, needed: true, watched: name, ...more,
});
const way = (...fields: Field[]): Way => ({ name: "one", title: "", do: "", why: true, fields });

describe("a form", () => {
  it("is complete when all that is needed is there", () => {
    const asked = way(field("a"), field("b", { needed: false }), field("photo", { kind: "picture" }));
    expect(complete(asked, { a: "" }, { photo: 1 })).toBe(false);
    expect(complete(asked, { a: "x" }, {})).toBe(false);
    expect(complete(asked, { a: 0 }, { photo: 1 })).toBe(true);
  });

  it("takes files where it says so", () => {
    expect(accepts(field("a", { kind: "picture" }))).toBe("image/*");
    expect(accepts(field("a", { kind: "text" }))).toBeUndefined();
  });

  it("takes a watched example as it can be typed", () => {
    const drawings = {
      a: { kind: "number", data: 1.5 },
      town: { kind: "word", data: "Aa" },
      gone: { kind: "number", data: null },
      wave: { kind: "series", data: [[1], [2], [3]] },
      pair: { kind: "series", data: [[1, 2], [3, 4]] },
      photo: { kind: "image", data: { png: "AA==", width: 1, height: 1 } },
    };
    const asked = way(field("a"), field("town"), field("gone"), field("wave"), field("pair"), field("other", { watched: null }), field("photo", { kind: "picture" }));
    const found = watched(asked, drawings as never);
    expect(found.values).toEqual({ a: "1.5", town: "Aa", wave: "1 2 3", pair: "1 2\n3 4" });
    expect(found.pictures).toEqual({ photo: "AA==" });
    expect(watched(asked, null)).toEqual({ values: {}, pictures: {} });
  });

  it("knows the only example by any name", () => {
    const drawings = { file: { kind: "image", data: { png: "AA==", width: 1, height: 1 } } };
    expect(watched(way(field("picture", { kind: "picture" })), drawings as never).pictures).toEqual({ picture: "AA==" });
  });
});
