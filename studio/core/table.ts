// What a picture shows, as rows of a table: for those who read it, and for other programs.

export interface Table {
  head: string[];
  rows: (string | number | null)[][];
  /** Rows that there would be, where not all are here. */
  total?: number;
}

/** A tensor as a table: its last axis along the columns, the others named in front. */
export function tableOf(
  values: ArrayLike<number>,
  shape: readonly number[],
  axes: readonly string[],
  most = 200,
): Table {
  const columns = shape.at(-1) ?? 1;
  const outer = shape.slice(0, -1);
  const rows = outer.reduce((product, n) => product * n, 1);
  const shown = Math.min(rows, most);
  const table: Table = {
    head: [...axes.slice(0, -1), ...Array.from({ length: columns }, (_, i) => `${axes.at(-1)} ${i}`)],
    rows: [],
    total: rows,
  };
  for (let row = 0; row < shown; row++) {
    const place: number[] = [];
    for (let axis = outer.length - 1, rest = row; axis >= 0; axis--) {
      place.unshift(rest % outer[axis]!);
      rest = Math.floor(rest / outer[axis]!);
    }
    const cells = Array.from({ length: columns }, (_, i) => values[row * columns + i]!);
    table.rows.push([...place, ...cells]);
  }
  return table;
}
