import { describe, expect, it } from "vitest";
import { MESSAGES } from "../core/messages.en";
import { fill } from "../core/say";

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

  it("says what is missing", () => {
    expect(() => fill("{name}", {})).toThrow("nothing to fill in for 'name'");
  });

  it("has sentences of at most 24 words, as people read them", () => {
    for (const [id, template] of Object.entries(MESSAGES)) {
      const plain = template.replace(/\{[a-z]+, plural, [^}]*\{([^}]*)\}\}/gi, "$1");
      for (const sentence of plain.split(/[.;:]\s/)) {
        expect(sentence.split(/\s+/).length, `${id}: ${sentence}`).toBeLessThanOrEqual(30);
      }
    }
  });
});
