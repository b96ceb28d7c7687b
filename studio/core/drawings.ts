// Drawings of examples: what they hold, and how they are said in words.

import type { Drawing, Drawings, Picture, Sound } from "./manifest";
import { plain } from "./numbers";
import { say } from "./say";

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
  if (drawing.kind === "number") return drawing.data === null ? say("label.cell.missing") : plain(drawing.data as number);
  if (drawing.kind === "list") return (drawing.data as string[]).join(", ") || say("label.classes.none");
  return drawing.data === null ? say("label.cell.missing") : String(drawing.data);
}

/** One sentence for a screen reader. */
export function spoken(drawings: Drawings): string {
  return Object.entries(drawings)
    .map(([name, drawing]) => {
      const picture = pictureOf(drawing);
      if (drawing.kind === "image") return say("example.picture", { width: picture!.width, height: picture!.height });
      if (drawing.kind === "audio") return say("example.recording");
      if (drawing.kind === "series") return say("example.series", { values: (drawing.data as unknown[]).length });
      const words = wordsOf(drawing);
      return `${name}: ${words.length > 80 ? `${words.slice(0, 80)} …` : words}`;
    })
    .join("; ");
}
