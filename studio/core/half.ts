// 16-bit floats: the run's files keep most numbers as these. New browsers read them natively;
// for the others a table of all 65,536 patterns does the same.

interface Float16ArrayConstructor {
  new (buffer: ArrayBufferLike, offset: number, length: number): ArrayLike<number>;
}

const native = (globalThis as { Float16Array?: Float16ArrayConstructor }).Float16Array;
let table: Float32Array | null = null;

/** 16-bit floats, given as their bits, as 32-bit floats. */
export function widen(bits: Uint16Array): Float32Array {
  return native
    ? Float32Array.from(new native(bits.buffer, bits.byteOffset, bits.length))
    : widenByTable(bits);
}

/** The same without the browser's help. */
export function widenByTable(bits: Uint16Array): Float32Array {
  table ??= Float32Array.from({ length: 65_536 }, (_, pattern) => one(pattern));
  const values = new Float32Array(bits.length);
  for (let i = 0; i < bits.length; i++) values[i] = table[bits[i]!]!;
  return values;
}

/** IEEE 754 binary16: 1 bit sign, 5 bits exponent, 10 bits fraction. */
function one(pattern: number): number {
  const sign = pattern & 0x8000 ? -1 : 1;
  const exponent = (pattern >> 10) & 0x1f;
  const fraction = pattern & 0x3ff;
  if (exponent === 0x1f) return fraction ? NaN : sign * Infinity;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
