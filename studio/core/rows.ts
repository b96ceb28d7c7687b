// Rows of the source with their drawings: GET rows.

import type { Drawings } from "./manifest";
import type { Source } from "./trace";

export interface Row {
  row: number;
  place: string;
  split: string;
  target: unknown;
  /** What was said by a network that had not learned from it; null if none was asked. */
  answer: unknown;
  probability: number | null;
  reason: string;
  drawings: Drawings;
}

export interface RowPage {
  total: number;
  rows: Row[];
  /** Why there are no drawings: the source can't be read again. */
  problem: { what: string; where: string; fix: string } | null;
}

export const MOST_ROWS = 200;

export function rowsPath(run: string, query: Record<string, string | number>): string {
  const asked = new URLSearchParams(Object.entries(query).map(([name, value]) => [name, String(value)]));
  return `runs/${encodeURIComponent(run)}/rows?${asked}`;
}

/** The rows of these numbers, at most 200 of them, in no order. */
export async function rowsOf(source: Source, run: string, wanted: readonly number[]): Promise<RowPage> {
  const rows = wanted.slice(0, MOST_ROWS).join(",");
  return (await source.json(rowsPath(run, { rows, limit: MOST_ROWS }))) as RowPage;
}
