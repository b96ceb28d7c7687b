// What a piece of evidence says; src/pellucid/evidence/finding.py writes it.

export type Cell = string | number | null;

export interface FindingTable {
  title: string;
  header: string[];
  rows: Cell[][];
  row_numbers: number[];
}

export interface FindingLine {
  name: string;
  x: (number | null)[];
  y: (number | null)[];
  low: (number | null)[];
  high: (number | null)[];
}

export interface FindingChart {
  title: string;
  x: string;
  y: string;
  lines: FindingLine[];
  kind: "lines" | "points" | "bars";
  log: boolean;
  marks: [number, string][];
}

/** Something to look at: name -> drawing; core/use.ts has the kinds that examples don't have. */
export interface FindingPicture {
  title: string;
  drawings: Record<string, { kind: string; data: unknown }>;
}

export interface Finding {
  part: string;
  title: string;
  sentence: string;
  notes: string[];
  // What was measured, for machines; its shape differs from study to study.
  figures: Record<string, unknown>;
  tables: FindingTable[];
  charts: FindingChart[];
  known: boolean;
  seconds: number;
  /** Not in older runs. */
  pictures?: FindingPicture[];
}
