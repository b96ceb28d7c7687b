import { describe, expect, it } from "vitest";
import { MESSAGES } from "../core/messages.en";
import { LABELS } from "../core/messages.labels.en";
import { fill, ordinal } from "../core/say";

describe("sentences", () => {
  it("fills in words and groups numbers", () => {
    expect(fill("{name} has {rows}", { name: "digits", rows: 1797 })).toBe("digits has 1,797");
  });

  it("chooses by number", () => {
    const template = "{n, plural, =0 {no rows} one {# row} other {# rows of {name}}}";
    expect(fill(template, { n: 0, name: "x" })).toBe("no rows");
    expect(fill(template, { n: 1, name: "x" })).toBe("1 row");
    expect(fill(template, { n: 1200, name: "x" })).toBe("1,200 rows of x");
  });

  it("keeps words that are read from right to left together", () => {
    expect(fill("It is {name}, {n}.", { name: "שלום", n: 3 })).toBe("It is \u2068שלום\u2069, 3.");
    expect(fill("{name}", { name: "plain" })).toBe("plain");
  });

  it("counts places", () => {
    expect([1, 2, 3, 4, 11, 12, 13, 21, 22, 103, 112].map(ordinal)).toEqual(["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "22nd", "103rd", "112th"]);
  });

  it("says what is missing", () => {
    expect(() => fill("{name}", {})).toThrow("nothing to fill in for 'name'");
  });

  it("has sentences of at most 24 words, as people read them", () => {
    for (const [id, template] of Object.entries({ ...MESSAGES, ...LABELS })) {
      const plain = template.replace(/\{[a-z]+, plural, [^}]*\{([^}]*)\}\}/gi, "$1");
      for (const sentence of plain.split(/[.;:]\s/)) {
        expect(sentence.split(/\s+/).length, `${id}: ${sentence}`).toBeLessThanOrEqual(30);
      }
    }
  });
});
