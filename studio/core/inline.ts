// A run inside a report: the answers that the studio's server would give, carried by the page itself.
// src/pellucid/interfaces/report/carried.py packs them: safetensors of bytes, gzipped, as base64.

import { Refusal } from "./api";
import { readSafetensors } from "./safetensors";
import { say } from "./say";
import type { Source } from "./trace";

/** Where a report keeps its run. */
export const ELEMENT = "carried-run";

type Files = Map<string, Uint8Array>;

export class InlineSource implements Source {
  private files: Promise<Files> | null = null;

  /** `packed`: gives the text when it is first needed. */
  constructor(private readonly packed: () => string) {}

  /** The run that this page carries; null in the studio. */
  static ofPage(): InlineSource | null {
    const element = document.getElementById(ELEMENT);
    return element && new InlineSource(() => element.textContent ?? "");
  }

  async json(path: string): Promise<unknown> {
    if (isLaterPart(path)) return [];
    return JSON.parse(new TextDecoder().decode(await this.find(path)));
  }

  async bytes(path: string): Promise<ArrayBuffer> {
    if (isLaterPart(path)) return new ArrayBuffer(0);
    return (await this.find(path)).slice().buffer as ArrayBuffer;
  }

  private async find(path: string): Promise<Uint8Array> {
    this.files ??= unpack(this.packed());
    const found = (await this.files).get(nameOf(path));
    if (found) return found;
    const fix = say("report.without.fix");
    throw new Refusal(say("report.without"), nameOf(path), fix, 0);
  }
}

/** `runs/digits.run/looks/3?only=...` -> `looks/3`: what is carried is carried whole. */
function nameOf(path: string): string {
  return path.split("?", 1)[0]!.split("/").slice(2).join("/");
}

/** A report does not grow: all steps and events come at once. */
function isLaterPart(path: string): boolean {
  return /\/(steps|events)\?from=[1-9]/.test(path);
}

async function unpack(text: string): Promise<Files> {
  const packed = new Blob([fromBase64(text.trim())]);
  const stream = packed.stream().pipeThrough(new DecompressionStream("gzip"));
  const { tensors } = readSafetensors(await new Response(stream).arrayBuffer());
  return new Map([...tensors].map(([name, tensor]) => [name, tensor.values as Uint8Array]));
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  const native = Uint8Array as unknown as { fromBase64?: (text: string) => Uint8Array<ArrayBuffer> };
  if (native.fromBase64) return native.fromBase64(text);
  const bytes = new Uint8Array((text.length / 4) * 3 - (text.match(/=*$/)?.[0].length ?? 0));
  const piece = 1 << 16; // a multiple of 4, so that pieces can be decoded one by one
  for (let from = 0; from < text.length; from += piece) {
    const letters = atob(text.slice(from, from + piece));
    const start = (from / 4) * 3;
    for (let i = 0; i < letters.length; i++) bytes[start + i] = letters.charCodeAt(i);
  }
  return bytes;
}
