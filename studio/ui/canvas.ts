// Drawing painted values on a canvas, sharp on every screen.

import { enlarge, paint, type Theme, type Tile } from "../core/paint";

/** Make a canvas so large, in pixels of the page, and begin anew. */
export function prepare(canvas: HTMLCanvasElement, width: number, height: number): CanvasRenderingContext2D {
  const sharp = Math.min(3, devicePixelRatio || 1);
  const [wide, high] = [Math.max(1, Math.round(width * sharp)), Math.max(1, Math.round(height * sharp))];
  if (canvas.width !== wide || canvas.height !== high) {
    canvas.width = wide;
    canvas.height = high;
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
  }
  const pen = canvas.getContext("2d")!;
  pen.setTransform(sharp, 0, 0, sharp, 0, 0);
  pen.clearRect(0, 0, width, height);
  pen.imageSmoothingEnabled = false;
  return pen;
}

/** Paint several pictures of `rows` by `columns` values, each into its tile, on an empty canvas.
 *  All in one go: asking the browser to enlarge each picture costs three times as much. */
export function tiles(
  pen: CanvasRenderingContext2D,
  values: ArrayLike<number>,
  rows: number,
  columns: number,
  places: readonly Tile[],
  at: (tile: number, row: number, column: number) => number,
  most: number,
  theme: Theme,
): void {
  const { width, height } = pen.canvas;
  const sharp = pen.getTransform().a;
  const cells = paint(values, columns, rows * places.length, most, theme, (row, column) => at(Math.floor(row / rows), row % rows, column));
  const pixels = new ImageData(width, height);
  const from = new Uint32Array(cells.buffer);
  const to = new Uint32Array(pixels.data.buffer);
  places.forEach((tile, i) => {
    const [x, y, wide, high] = [tile.x, tile.y, tile.width, tile.height].map((one) => Math.round(one * sharp)) as [number, number, number, number];
    enlarge(from.subarray(i * rows * columns, (i + 1) * rows * columns), rows, columns, to, width, { x, y, width: wide, height: high });
  });
  pen.putImageData(pixels, 0, 0);
}

const inks = new Map<string, string>();

/** A color of the page's style sheet. Asking the browser costs a layout, so it is asked once. */
export function ink(name: string): string {
  const key = `${document.documentElement.dataset["theme"]}${name}`;
  let color = inks.get(key);
  if (!color) {
    color = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
    inks.set(key, color);
  }
  return color;
}
