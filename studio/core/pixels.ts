// Small pictures that a finding carries: pixels as bytes in base64.

export interface Carried {
  /** (pictures, height, width, channels). */
  shape: number[];
  pixels: string;
}

/** Each picture as RGBA, ready for a canvas. */
export function rgbaOf(carried: Carried): { width: number; height: number; pixels: Uint8ClampedArray<ArrayBuffer> }[] {
  const [count = 0, height = 0, width = 0, channels = 1] = carried.shape;
  const text = atob(carried.pixels);
  return Array.from({ length: count }, (_, picture) => {
    const pixels = new Uint8ClampedArray(width * height * 4);
    for (let i = 0; i < width * height; i++) {
      for (let c = 0; c < 3; c++) {
        pixels[i * 4 + c] = text.charCodeAt((picture * height * width + i) * channels + (channels === 3 ? c : 0));
      }
      pixels[i * 4 + 3] = 255;
    }
    return { width, height, pixels };
  });
}
