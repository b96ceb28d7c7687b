// Runs whose answers are no class and no number: forecasts, lists, boxes, texts ... What such a run
// shows comes as findings with pictures (src/pellucid/evidence/finding.py: Picture).

import type { Manifest } from "./manifest";
import type { Place } from "./state";

export interface Box {
  label: string;
  x: number;
  y: number;
  width: number;
  height: number;
  probability?: number;
  true?: boolean;
}

export interface Boxes {
  png: string;
  width: number;
  height: number;
  boxes: Box[];
  /** Less likely boxes are hidden, until somebody wants to see them; none: all are shown. */
  threshold?: number;
}

export interface MatrixData {
  rows: string[];
  columns: string[];
  values: number[][];
}

export interface Marked {
  parts: { text: string; weight: number }[];
}

export interface PointsData {
  x: number[];
  y: number[];
  labels?: string[];
  groups?: string[];
}

/** Chapters and rooms that speak of an answer, which a use says in its own way. */
const ANSWERS: readonly Place[] = ["prediction", "loss", "explain", "try", "results", "findings"];

/** Whether this place of a run is told by its findings. */
export function toldByFindings(manifest: Manifest | null, place: Place): boolean {
  return Boolean(manifest?.use) && ANSWERS.includes(place);
}

/** How dark something is that counts `value` of at most `most`, 0 to 1. */
export function share(value: number, most: number): number {
  return most > 0 && Number.isFinite(value) ? Math.min(1, Math.max(0, value / most)) : 0;
}

/** Points brought into a square of `size`, y upward; a single value lies in the middle. */
export function placed(points: PointsData, size: number, edge = 8): { x: number; y: number }[] {
  const scale = (values: number[]) => {
    const [low, high] = [Math.min(...values), Math.max(...values)];
    return (value: number) => (high > low ? edge + ((value - low) / (high - low)) * (size - 2 * edge) : size / 2);
  };
  const [atX, atY] = [scale(points.x), scale(points.y)];
  return points.x.map((x, i) => ({ x: atX(x), y: size - atY(points.y[i]!) }));
}
