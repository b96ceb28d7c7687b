// Why this answer: what `POST explain` and `pellucid explain --json` give.

import type { Drawings } from "./manifest";

export interface Faithful {
  shares: number[];
  first: number[];
  random: number[];
  last: number[];
  gain: number;
  random_gain: number;
  completeness: number | null;
  similarity: number | null;
  trusted: boolean;
  why: string;
}

/** Where the first network looked, 0 to 1: (height, width), or (frames, bands) of a sound. */
export interface Overview {
  looked: number[][];
  faithful: Faithful;
}

export interface Explanation {
  question: { output: number; name: string; value: number };
  columns: string[];
  /** "image", "text", "audio", "series", or "columns": whole columns beside each other. */
  modality: string;
  method: string;
  names: string[];
  /** See evidence/explain/pieces.py: what the numbers mean depends on the modality. */
  places: number[][];
  values: number[];
  base: number;
  faithful: Faithful;
  /** Of a picture or sound; null, or not there, of everything else. */
  overview?: Overview | null;
  notes: string[];
}

export interface Neighbor {
  row: number;
  place: string;
  target: unknown;
  similarity: number;
  drawings?: Drawings;
}

export interface Change {
  goal: string;
  found: boolean;
  changes: { column: string; old: string | number; new: string | number; rank: number | null }[];
  removed: string[];
  answer: { answer: string | number; probability?: number } | null;
  tried: number;
}

export interface Explained {
  row?: number | null;
  place?: string;
  answer: unknown;
  probability?: number;
  explained: { output: number; name: string; value: number };
  explanations: Explanation[];
  neighbors: Neighbor[];
  against: Neighbor | null;
  changes: Change[];
  notes: string[];
  drawings?: Drawings;
}

/** The pieces that weigh most, the strongest first. */
export function strongest(one: Explanation, most: number): { name: string; value: number }[] {
  return one.names
    .map((name, i) => ({ name, value: one.values[i]! }))
    .sort((a, b) => Math.abs(b.value) - Math.abs(a.value))
    .slice(0, most);
}

/** Each piece's value at the place where it lies: (rows, columns) of a picture, (frames, bands) of a sound. */
export function painted(one: Explanation): { values: number[]; rows: number; columns: number } {
  const rows = Math.max(...one.places.map((place) => place[2] ?? 0));
  const columns = Math.max(...one.places.map((place) => place[3] ?? 0));
  const values = new Array<number>(rows * columns).fill(0);
  one.places.forEach(([top = 0, left = 0, bottom = 0, right = 0], i) => {
    for (let row = top; row < bottom; row++) values.fill(one.values[i]!, row * columns + left, row * columns + right);
  });
  return { values, rows, columns };
}

/** A text in runs: words with their value, and what stands between them with none. */
export function markedText(text: string, one: Explanation): { text: string; value: number | null }[] {
  const pieces = one.places
    .map((place, i) => ({ start: place[0] ?? 0, end: place[1] ?? 0, value: one.values[i]! }))
    .sort((a, b) => a.start - b.start);
  const letters = [...text]; // places count characters as Python does, not UTF-16 units
  const found: { text: string; value: number | null }[] = [];
  let at = 0;
  for (const piece of pieces) {
    if (piece.start > at) found.push({ text: letters.slice(at, piece.start).join(""), value: null });
    if (piece.end > Math.max(at, piece.start)) {
      found.push({ text: letters.slice(Math.max(at, piece.start), piece.end).join(""), value: piece.value });
    }
    at = Math.max(at, piece.end);
  }
  if (at < letters.length) found.push({ text: letters.slice(at).join(""), value: null });
  return found;
}

/** The value at each moment of one channel of a series. */
export function overTime(one: Explanation, channel: number): number[] {
  const length = Math.max(...one.places.map((place) => place[1] ?? 0));
  const values = new Array<number>(length).fill(0);
  one.places.forEach(([start = 0, end = 0, own], i) => {
    if (own === undefined || own === channel) values.fill(one.values[i]!, start, end);
  });
  return values;
}
