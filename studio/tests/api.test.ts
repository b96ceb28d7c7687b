import { describe, expect, it } from "vitest";
import { linesOf } from "../core/api";

/** A stream of these bytes, cut as given. */
function streamOf(...parts: Uint8Array[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(control) {
      for (const part of parts) control.enqueue(part);
      control.close();
    },
  });
}

describe("an answer that comes line by line", () => {
  it("is told line by line, wherever it was cut, in the middle of a letter too", async () => {
    const bytes = new TextEncoder().encode('{"piece":"Übung"}\n{"piece":"日本"}\n{"rows":1}\n');
    for (let cut = 0; cut <= bytes.length; cut++) {
      const lines: string[] = [];
      for await (const line of linesOf(streamOf(bytes.slice(0, cut), bytes.slice(cut)))) lines.push(line);
      expect(lines).toEqual(['{"piece":"Übung"}', '{"piece":"日本"}', '{"rows":1}']);
    }
  });

  it("leaves out a line that was never finished", async () => {
    const lines: string[] = [];
    for await (const line of linesOf(streamOf(new TextEncoder().encode("whole\nhal")))) lines.push(line);
    expect(lines).toEqual(["whole"]);
  });
});
