// Drawing painted values on a canvas, sharp on every screen.

import { paint, type Theme } from "../core/paint";

export interface Tile {
  /** In pixels of the page. */
  x: number;
  y: number;
  width: number;
  height: number;
}

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

let strip: HTMLCanvasElement | null = null;

/** Paint several pictures of `rows` by `columns` values, each into its tile. */
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
  strip ??= document.createElement("canvas");
  const high = rows * places.length;
  if (strip.width < columns || strip.height < high) {
    strip.width = Math.max(strip.width, columns);
    strip.height = Math.max(strip.height, high);
  }
  const pixels = paint(values, columns, high, most, theme, (row, column) =>
    at(Math.floor(row / rows), row % rows, column),
  );
  strip.getContext("2d")!.putImageData(new ImageData(pixels, columns, high), 0, 0);
  places.forEach((tile, i) => {
    pen.drawImage(strip!, 0, i * rows, columns, rows, tile.x, tile.y, tile.width, tile.height);
  });
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
