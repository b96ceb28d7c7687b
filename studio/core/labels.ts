// Labels that look wrong, and what a person decided about them: GET decisions, POST labels.

import type { Finding } from "./finding";

export interface Suspect {
  row: number;
  given: string;
  suggested: string;
  /** Of the suggested answer; null for numbers. */
  probability: number | null;
  /** From 0, surely wrong, to 1. */
  score: number;
  /** Whether the network preferred the other answer while it learned; null: not known. */
  resisted: boolean | null;
}

export type Do = "keep" | "fix" | "exclude";

export interface Decision {
  row: number;
  place: string;
  do: Do;
  to: unknown;
}

export interface Decisions {
  decisions: Decision[];
  counts: Record<Do, number>;
}

export const KEYS: Record<string, Do | "undo"> = { k: "keep", f: "fix", x: "exclude", u: "undo" };

export function suspectsOf(finding: Finding): Suspect[] {
  const found = finding.figures["suspects"];
  return Array.isArray(found) ? (found as Suspect[]) : [];
}

/** The next suspect after `index` that nobody has decided about; the one after it if all are. */
export function nextOpen(suspects: readonly Suspect[], decided: ReadonlySet<number>, index: number): number {
  for (let step = 1; step <= suspects.length; step++) {
    const at = (index + step) % suspects.length;
    if (!decided.has(suspects[at]!.row)) return at;
  }
  return Math.min(suspects.length - 1, index + 1);
}

/** What a fixed label is sent as: a class, tags, or a number; null if the words are none. */
export function labelOf(kind: string, words: string): string | string[] | number | null {
  if (kind === "regress") {
    const value = Number(words.trim().replace(",", "."));
    return words.trim() && Number.isFinite(value) ? value : null;
  }
  if (kind === "tags") return words.split(",").map((tag) => tag.trim()).filter(Boolean);
  return words || null;
}
