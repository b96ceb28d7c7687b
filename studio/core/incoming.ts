// What a neuron listens to: its weights, taken together for each column that enters as several numbers.

import type { Term } from "./operations";

export interface Incoming {
  name: string;
  /** The weight with its sign; of several weights their length. */
  weight: number;
  /** What the example added to the neuron's sum through them. */
  adds: number;
  count: number;
}

/** The strongest first. */
export function incoming(terms: readonly Term[]): Incoming[] {
  const groups = new Map<string, Term[]>();
  for (const term of terms) {
    const name = term.of ?? term.name;
    groups.set(name, [...(groups.get(name) ?? []), term]);
  }
  const found = [...groups].map(([name, own]) => ({
    name,
    weight: own.length === 1 ? own[0]!.weight : Math.hypot(...own.map((term) => term.weight)),
    adds: own.reduce((sum, term) => sum + (Number.isNaN(term.factor) ? 0 : term.weight * term.factor), 0),
    count: own.length,
  }));
  return found.sort((a, b) => Math.abs(b.weight) - Math.abs(a.weight));
}
