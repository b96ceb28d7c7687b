// A map of answers: rows that are answered alike lie near each other. The two directions in which
// answers differ most (principal components) are found once, at the last evaluation, and held, so
// that what moves on the map has really moved.

const LEAST = 1e-3;
const ROUNDS = 60;

export interface Plane {
  mean: Float64Array;
  /** Two directions of unit length. */
  axes: [Float64Array, Float64Array];
}

/** Shares as the map sees them: a hundredth and a thousandth differ as much as a tenth and one. */
export function loud(shares: ArrayLike<number>): Float64Array {
  return Float64Array.from(shares, (share) => Math.log(Math.max(share, LEAST)));
}

/** The plane that keeps most of the differences between rows (rows, outputs). */
export function planeOf(values: ArrayLike<number>, outputs: number): Plane {
  const rows = values.length / outputs;
  const mean = new Float64Array(outputs);
  for (let i = 0; i < values.length; i++) mean[i % outputs]! += values[i]! / rows;
  const spread = new Float64Array(outputs * outputs);
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < outputs; i++) {
      for (let j = 0; j < outputs; j++) {
        spread[i * outputs + j]! += ((values[row * outputs + i]! - mean[i]!) * (values[row * outputs + j]! - mean[j]!)) / rows;
      }
    }
  }
  const first = strongest(spread, outputs, null);
  return { mean, axes: [first, strongest(spread, outputs, first)] };
}

/** The direction of most spread, at a right angle to another one: multiply again and again. */
function strongest(spread: Float64Array, size: number, other: Float64Array | null): Float64Array {
  let axis = Float64Array.from({ length: size }, (_, i) => Math.cos(1 + i));
  for (let round = 0; round < ROUNDS; round++) {
    const next = new Float64Array(size);
    for (let i = 0; i < size; i++) for (let j = 0; j < size; j++) next[i]! += spread[i * size + j]! * axis[j]!;
    if (other) {
      const along = next.reduce((sum, one, i) => sum + one * other[i]!, 0);
      for (let i = 0; i < size; i++) next[i]! -= along * other[i]!;
    }
    const length = Math.hypot(...next);
    if (!length) return next;
    axis = next.map((one) => one / length);
  }
  return axis;
}

/** Where each row lies on the plane. */
export function onPlane(values: ArrayLike<number>, outputs: number, plane: Plane): [x: number, y: number][] {
  return Array.from({ length: values.length / outputs }, (_, row) => {
    const along = (axis: Float64Array) => axis.reduce((sum, one, i) => sum + one * (values[row * outputs + i]! - plane.mean[i]!), 0);
    return [along(plane.axes[0]), along(plane.axes[1])];
  });
}
