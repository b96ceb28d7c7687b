import { describe, expect, it } from "vitest";
import { ROOM_MESSAGES } from "../core/messages.rooms.en";

describe("sentences of the rooms", () => {
  it("have at most 30 words, as people read them", () => {
    for (const [id, template] of Object.entries(ROOM_MESSAGES)) {
      const plain = template.replace(/\{[a-z]+, plural,(?: (?:=\d|one|other) \{[^}]*(?:\{[a-z]+\}[^}]*)*\})+\}/gi, "so many rows").replace(/\{[a-z]+\}/g, "it");
      for (const sentence of plain.split(/[.;:]\s/)) {
        expect(sentence.split(/\s+/).length, `${id}: ${sentence}`).toBeLessThanOrEqual(30);
      }
    }
  });
});
