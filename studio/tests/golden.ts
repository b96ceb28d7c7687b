// Files that Python wrote: tests/golden/studio of the repository.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const folder = new URL("../../tests/golden/studio/", import.meta.url);

export function goldenBytes(name: string): ArrayBuffer {
  const bytes = readFileSync(fileURLToPath(new URL(name, folder)));
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
}

export const expected: any = JSON.parse(new TextDecoder().decode(goldenBytes("expected.json")));
