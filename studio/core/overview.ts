// Where a network looked, as a veil over the picture: what it did not look at lies in the dark.

import type { Overview } from "./explanation";
import { say } from "./say";

export interface Veil {
  rows: number;
  columns: number;
  /** RGBA, black and the less transparent the less it was looked at. */
  pixels: Uint8ClampedArray<ArrayBuffer>;
  /** (rows, columns): 0 to 1, as the picture lies. */
  looked: number[][];
}

const DARKEST = 0.78;

/** `sound`: frames and bands, to be drawn with the highest band on top. */
export function veil(overview: Overview, sound: boolean): Veil {
  const looked = sound ? upright(overview.looked) : overview.looked;
  const [rows, columns] = [looked.length, looked[0]?.length ?? 0];
  const pixels = new Uint8ClampedArray(4 * rows * columns);
  looked.flat().forEach((value, i) => (pixels[4 * i + 3] = Math.round(255 * DARKEST * (1 - value))));
  return { rows, columns, pixels, looked };
}

/** (frames, bands) -> rows from the highest band down. */
function upright(looked: readonly (readonly number[])[]): number[][] {
  const bands = looked[0]?.length ?? 0;
  return Array.from({ length: bands }, (_, row) => looked.map((frame) => frame[bands - 1 - row]!));
}

/** "the upper left", "the middle": around where it looked most. */
export function around(looked: readonly (readonly number[])[]): string {
  let [sum, y, x] = [0, 0, 0];
  looked.forEach((row, r) =>
    row.forEach((value, c) => {
      sum += value;
      y += value * ((r + 0.5) / looked.length);
      x += value * ((c + 0.5) / row.length);
    }),
  );
  if (!(sum > 0)) return say("overview.nowhere");
  return say(`overview.${third(y / sum, "upper", "lower")}.${third(x / sum, "left", "right")}`);
}

function third<One extends string, Other extends string>(place: number, low: One, high: Other): One | Other | "middle" {
  return place < 0.42 ? low : place > 0.58 ? high : "middle";
}
