// The way of one position through a Transformer: what stands there after each part, what that part
// added, and from where its attention took it. src/pellucid/network/transformer.py.

import { norm } from "./blame";
import type { Branch, Value } from "./inside";
import type { Seen } from "./looks";

export type Part = "enters" | "attention" | "small";

export interface Stop {
  part: Part;
  block: number;
  value: Value;
  /** Those that were kept. */
  floats: number[];
  length: number;
  /** How long what was added is; null where it was not kept what stood there before. */
  added: number | null;
  /** 1: it points where it pointed before; 0: across. */
  alike: number | null;
}

/** The values along which a position travels: what enters, and after each half of each block. */
export function stopsOf(branch: Branch): { part: Part; block: number; value: Value }[] {
  const halves = branch.values.flatMap((value) => {
    const block = Number(/^block (\d+)$/.exec(value.layer)?.[1] ?? 0);
    if (!block || !["after attention", "output"].includes(value.what)) return [];
    return [{ part: (value.what === "output" ? "small" : "attention") as Part, block, value }];
  });
  const width = halves[0]?.value.shape.at(-1);
  const entering = branch.values.find((value) => value.what === "embedding" && value.shape.at(-1) === width);
  return entering ? [{ part: "enters", block: 0, value: entering }, ...halves] : halves;
}

export function pathOf(branch: Branch, seen: (value: Value) => Seen | null, position: number): Stop[] {
  let before: number[] | null = null;
  return stopsOf(branch).flatMap(({ part, block, value }) => {
    const floats = floatsAt(value, seen(value), position);
    if (!floats) return [];
    const known: number[] | null = before?.length === floats.length ? before : null;
    const stop: Stop = {
      part, block, value, floats,
      length: norm(floats),
      added: known && norm(floats.map((one, i) => one - known[i]!)),
      alike: known && floats.reduce((sum, one, i) => sum + one * known[i]!, 0) / (norm(floats) * norm(known) || 1),
    };
    before = floats;
    return [stop];
  });
}

/** The kept numbers of one position; null where it was not kept. */
function floatsAt(value: Value, seen: Seen | null, position: number): number[] | null {
  const [along = 1, across = 1] = value.strides;
  if (!seen || position % along) return null;
  const width = Math.ceil(value.shape[1]! / across);
  const start = (position / along) * width;
  return start + width > seen.values.length ? null : Array.from(seen.values.subarray(start, start + width));
}

/** From where a position takes, the mean over the heads, the most first; of those that were kept. */
export function takenFrom(value: Value, seen: Seen, position: number): { position: number; share: number }[] {
  const [, asks = 1, asked = 1] = value.strides;
  const [heads, queries, keys] = seen.shape as [number, number, number];
  if (position % asks) return [];
  const found = Array.from({ length: keys }, (_, key) => {
    let sum = 0;
    for (let head = 0; head < heads; head++) sum += seen.values[(head * queries + position / asks) * keys + key]!;
    return { position: key * asked, share: sum / heads };
  });
  return found.sort((a, b) => b.share - a.share);
}

/** Positions of which something was kept. */
export function keptPositions(branch: Branch, length: number | null): number[] {
  const [first] = stopsOf(branch);
  const stride = first?.value.strides[0] ?? 1;
  const count = Math.min(first?.value.shape[0] ?? 0, length ?? Infinity);
  return Array.from({ length: Math.ceil(count / stride) }, (_, i) => i * stride);
}
