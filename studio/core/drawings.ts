// Drawings of examples: what they hold, and how they are said in words.

import type { Drawing, Drawings, Picture, Sound } from "./manifest";
import { plain } from "./numbers";

export function pictureOf(drawing: Drawing): Picture | null {
  return ["image", "audio", "boxes"].includes(drawing.kind) ? (drawing.data as Picture) : null;
}

export function soundOf(drawing: Drawing): Sound | null {
  return drawing.kind === "audio" ? (drawing.data as Sound) : null;
}

/** A series as one array a channel; missing values are NaN. */
export function channelsOf(drawing: Drawing): number[][] {
  const rows = drawing.data as (number | null)[][];
  const width = rows[0]?.length ?? 0;
  return Array.from({ length: width }, (_, channel) => rows.map((row) => row[channel] ?? NaN));
}

/** Columns whose value is one figure or word. */
export function plainOnes(drawings: Drawings): [string, string][] {
  return Object.entries(drawings)
    .filter(([, drawing]) => ["number", "word", "list"].includes(drawing.kind))
    .map(([name, drawing]) => [name, wordsOf(drawing)]);
}

export function wordsOf(drawing: Drawing): string {
  if (drawing.kind === "number") return drawing.data === null ? "missing" : plain(drawing.data as number);
  if (drawing.kind === "list") return (drawing.data as string[]).join(", ") || "none";
  return drawing.data === null ? "missing" : String(drawing.data);
}

/** One sentence for a screen reader. */
export function spoken(drawings: Drawings): string {
  return Object.entries(drawings)
    .map(([name, drawing]) => {
      const picture = pictureOf(drawing);
      if (drawing.kind === "image") return `a picture of ${picture!.width} by ${picture!.height} pixels`;
      if (drawing.kind === "audio") return "a recording, drawn as a spectrogram";
      if (drawing.kind === "series") return `a series of ${(drawing.data as unknown[]).length} values`;
      const words = wordsOf(drawing);
      return `${name}: ${words.length > 80 ? `${words.slice(0, 80)} …` : words}`;
    })
    .join("; ");
}
