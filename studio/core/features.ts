// What each number of a table is called as it enters the network: a column may enter as several.

import type { Probe } from "./manifest";

/** Modalities whose columns stand side by side in one group. */
export const SHARED: readonly string[] = ["number", "date", "words", "category"];

/** Names of a group's numbers; those of its columns where the run does not tell. */
export function featureNames(group: string, columns: readonly string[], probe: Probe | null): string[] {
  return probe?.numbers?.[group]?.map(([column, what]) => (what ? `${column}: ${what}` : column)) ?? [...columns];
}

/** The numbers of a row that each column enters as, with what they say of it. */
export function numbersOfColumns(
  group: string,
  columns: readonly string[],
  probe: Probe | null,
  values: ArrayLike<number>,
): Map<string, [what: string, value: number][]> {
  const told = probe?.numbers?.[group] ?? columns.map((column): [string, string] => [column, ""]);
  const found = new Map<string, [string, number][]>();
  // An older run does not tell which columns enter as several numbers.
  if (!probe?.numbers?.[group] && values.length !== columns.length) return found;
  told.forEach(([column, what], place) => {
    const before = found.get(column) ?? [];
    if (place < values.length) found.set(column, [...before, [what, values[place]!]]);
  });
  return found;
}
