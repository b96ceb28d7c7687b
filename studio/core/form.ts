// The form of a use: which fields it has, and how a watched example is entered. docs/studio.md: "A use is asked".

import type { Finding } from "./finding";
import type { Drawings } from "./manifest";

/** One thing that can be entered; src/pellucid/interfaces/studio/uses/desk.py says what each means. */
export interface Field {
  name: string;
  kind: "text" | "line" | "choice" | "number" | "picture" | "recording" | "table";
  label: string;
  value: string | number | null;
  options: string[];
  low: number;
  high: number;
  step: number;
  needed: boolean;
  watched: string | null;
}

/** One way to ask a model. do: what its button says. why: whether an answer can be explained. */
export interface Way {
  name: string;
  title: string;
  do: string;
  why: boolean;
  fields: Field[];
}

export interface Answered {
  answers: unknown[];
  rows: number;
  shown: Finding;
}

const ACCEPT: Partial<Record<Field["kind"], string>> = {
  picture: "image/*",
  recording: "audio/*",
  table: ".csv,.tsv,.jsonl,.json,.parquet,.xlsx",
};

/** What a file may be for a field; undefined: it takes none. */
export const accepts = (field: Field): string | undefined => ACCEPT[field.kind];

/** Whether all is entered that has to be. */
export function complete(way: Way, values: Readonly<Record<string, unknown>>, files: Readonly<Record<string, unknown>>): boolean {
  return way.fields.every((field) => !field.needed || field.name in files || !["", null, undefined].includes(values[field.name] as string | null));
}

/** A watched example as it can be entered: text by field, and pictures (PNG in base64). */
export function watched(way: Way, drawings: Drawings | null): { values: Record<string, string>; pictures: Record<string, string> } {
  const values: Record<string, string> = {};
  const pictures: Record<string, string> = {};
  for (const field of way.fields) {
    const all = drawings ?? {};
    const drawing = field.watched === null ? undefined : (all[field.watched] ?? (way.fields.length === 1 ? Object.values(all)[0] : undefined));
    const data = drawing?.data as null | undefined | string | number | number[][] | { png?: string };
    if (data === null || data === undefined) continue;
    if (field.kind === "picture" && typeof data === "object" && "png" in data) pictures[field.name] = data.png!;
    else if (!accepts(field) && typeof data !== "object") values[field.name] = String(data);
    else if (Array.isArray(data)) values[field.name] = data.map((row) => row.join(" ")).join(data[0]?.length === 1 ? " " : "\n");
  }
  return { values, pictures };
}
