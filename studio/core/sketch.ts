// Drawing by hand: strokes on a ground like that of the pictures it learned from, and series that
// are bent with the pointer.

export type Color = [number, number, number];

export interface Ground {
  color: Color;
  /** What can be seen on it. */
  ink: Color;
  colored: boolean;
}

/** The ground of a picture: the middle of the colors along its border. pixels: RGBA. */
export function groundOf(pixels: ArrayLike<number>, width: number, height: number): Ground {
  const border: Color[] = [];
  let colored = false;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = 4 * (y * width + x);
      const color: Color = [pixels[at]!, pixels[at + 1]!, pixels[at + 2]!];
      if (Math.max(...color) - Math.min(...color) > 24) colored = true;
      if (x === 0 || y === 0 || x === width - 1 || y === height - 1) border.push(color);
    }
  }
  const middle = (channel: number) => border.map((color) => color[channel]!).sort((a, b) => a - b)[Math.floor(border.length / 2)] ?? 0;
  const color: Color = [middle(0), middle(1), middle(2)];
  const light = 0.3 * color[0] + 0.59 * color[1] + 0.11 * color[2];
  return { color, ink: light < 128 ? [255, 255, 255] : [0, 0, 0], colored };
}

/** How wide a stroke is, as a share of the picture: about a pixel and a half of what the network gets. */
export function strokeShare(pixels: number): number {
  return Math.max(0.045, Math.min(0.14, 1.4 / pixels));
}

export function css([r, g, b]: Color): string {
  return `rgb(${r} ${g} ${b})`;
}

/** The series with everything between two moments on a straight line from one value to the other. */
export function bent(values: readonly number[], from: [at: number, value: number], to: [at: number, value: number]): number[] {
  const [first, last] = from[0] <= to[0] ? [from, to] : [to, from];
  const found = [...values];
  for (let at = Math.max(0, first[0]); at <= Math.min(values.length - 1, last[0]); at++) {
    const share = last[0] === first[0] ? 1 : (at - first[0]) / (last[0] - first[0]);
    found[at] = first[1] + share * (last[1] - first[1]);
  }
  if (first[0] === last[0] && found[to[0]] !== undefined) found[to[0]] = to[1];
  return found;
}

/** Numbers that somebody typed or pasted; null if something among them is none. */
export function numbersIn(text: string): number[] | null {
  const words = text.split(/[\s,;]+/).filter(Boolean);
  const numbers = words.map(Number);
  return words.length && numbers.every(Number.isFinite) ? numbers : null;
}
