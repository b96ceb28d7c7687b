// Numbers to colors, and tensors to pixels. Zero is the page's background; above it blue, below it
// orange, of equal strength at equal size. Values are painted one pixel each and enlarged without
// smoothing, so that a pixel on the screen is a number of the run.

export type Theme = "light" | "dark";
type Color = readonly [number, number, number];

interface Scale {
  zero: Color;
  /** From near zero to the largest, evenly spaced. */
  positive: readonly Color[];
  negative: readonly Color[];
}

const SCALES: Record<Theme, Scale> = {
  light: {
    zero: [250, 250, 248],
    positive: [[203, 222, 240], [120, 174, 221], [42, 114, 178], [8, 52, 98]],
    negative: [[247, 219, 190], [238, 160, 92], [196, 88, 16], [104, 40, 2]],
  },
  dark: {
    zero: [24, 26, 29],
    positive: [[24, 54, 84], [34, 97, 152], [82, 160, 222], [196, 229, 255]],
    negative: [[82, 44, 18], [148, 76, 22], [228, 136, 62], [255, 222, 186]],
  },
};

export const LEVELS = 256;

/** RGBA of -1 .. 1 in 2 * LEVELS - 1 steps; the middle one is zero. */
export function diverging(theme: Theme): Uint8ClampedArray {
  const { zero, positive, negative } = SCALES[theme];
  const colors = new Uint8ClampedArray((2 * LEVELS - 1) * 4);
  for (let level = 0; level < LEVELS; level++) {
    put(colors, LEVELS - 1 + level, along([zero, ...positive], level / (LEVELS - 1)));
    put(colors, LEVELS - 1 - level, along([zero, ...negative], level / (LEVELS - 1)));
  }
  return colors;
}

/** RGBA of 0 .. 255 as shades of gray: for pictures as they are. */
export function gray(): Uint8ClampedArray {
  const colors = new Uint8ClampedArray(256 * 4);
  for (let level = 0; level < 256; level++) put(colors, level, [level, level, level]);
  return colors;
}

const TABLES = { light: diverging("light"), dark: diverging("dark") };

/** Where in the table a value stands: -1 .. 1 of `most` to 0 .. 2 * LEVELS - 2. */
export function levelOf(value: number, most: number): number {
  const share = most > 0 ? Math.max(-1, Math.min(1, value / most)) : 0;
  return LEVELS - 1 + Math.round(share * (LEVELS - 1));
}

/** The color of one value as CSS. */
export function colorOf(value: number, most: number, theme: Theme): string {
  if (Number.isNaN(value)) return "transparent";
  const at = levelOf(value, most) * 4;
  const [r, g, b] = TABLES[theme].subarray(at, at + 3);
  return `rgb(${r} ${g} ${b})`;
}

/** Paint `width * height` values from `start` on, `stride` apart, as RGBA; NaN stays see-through. */
export function paint(
  values: ArrayLike<number>,
  width: number,
  height: number,
  most: number,
  theme: Theme,
  at: (row: number, column: number) => number = (row, column) => row * width + column,
): Uint8ClampedArray<ArrayBuffer> {
  const table = new Uint32Array(TABLES[theme].buffer);
  const pixels = new Uint32Array(width * height);
  for (let row = 0, to = 0; row < height; row++) {
    for (let column = 0; column < width; column++, to++) {
      const value = values[at(row, column)];
      if (value !== undefined && !Number.isNaN(value)) pixels[to] = table[levelOf(value, most)]!;
    }
  }
  return new Uint8ClampedArray(pixels.buffer);
}

/** A place on a canvas. */
export interface Tile {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** Copy a picture of `rows` by `columns` pixels into a tile of one that is `across` pixels wide;
 *  what lies outside of that is left out. */
export function enlarge(from: Uint32Array, rows: number, columns: number, to: Uint32Array, across: number, tile: Tile): void {
  const down = to.length / across;
  const left = (column: number) => Math.max(0, Math.min(across, tile.x + Math.round((column * tile.width) / columns)));
  const top = (row: number) => Math.max(0, Math.min(down, tile.y + Math.round((row * tile.height) / rows)));
  for (let row = 0; row < rows; row++) {
    const [first, end] = [top(row) * across, top(row + 1) * across];
    if (first === end) continue;
    for (let column = 0, x = left(0); column < columns; column++) {
      const color = from[row * columns + column]!;
      for (const right = left(column + 1); x < right; x++) to[first + x] = color;
    }
    // The other lines of this row are like its first.
    const [start, stop] = [left(0), left(columns)];
    for (let line = first + across; line < end; line += across) to.copyWithin(line + start, first + start, first + stop);
  }
}

/** The largest size of the finite values: what the strongest color stands for. */
export function most(values: ArrayLike<number>): number {
  let found = 0;
  for (let i = 0; i < values.length; i++) {
    const size = Math.abs(values[i]!);
    if (size > found && size !== Infinity) found = size;
  }
  return found;
}

/** Columns and rows of tiles, as large as fits: within `width`, and at most `ratio` times as high. */
export function arrange(
  tiles: number,
  tileWidth: number,
  tileHeight: number,
  width: number,
  gap: number,
  largest: number,
  ratio = 1.25,
): { columns: number; rows: number; scale: number } {
  let best = { columns: 1, rows: tiles, scale: 1, height: Infinity };
  for (let scale = largest; scale >= 1; scale--) {
    const columns = Math.min(tiles, Math.max(1, Math.floor((width + gap) / (tileWidth * scale + gap))));
    if (tileWidth * scale > width && scale > 1) continue;
    const rows = Math.ceil(tiles / columns);
    const height = rows * (tileHeight * scale + gap);
    best = { columns, rows, scale, height };
    if (height <= width * ratio || scale === 1) break;
  }
  return { columns: best.columns, rows: best.rows, scale: best.scale };
}

function along(colors: readonly Color[], share: number): Color {
  const place = share * (colors.length - 1);
  const before = colors[Math.floor(place)]!;
  const after = colors[Math.ceil(place)]!;
  const rest = place - Math.floor(place);
  return [0, 1, 2].map((i) => before[i]! + (after[i]! - before[i]!) * rest) as unknown as Color;
}

function put(colors: Uint8ClampedArray, place: number, color: Color): void {
  colors.set([...color.map(Math.round), 255], place * 4);
}
