// safetensors: 8 bytes length, a JSON header, then the numbers of all tensors side by side.
// https://huggingface.co/docs/safetensors (format section)

import { widen } from "./half";
import { say } from "./say";

export interface Tensor {
  name: string;
  dtype: string;
  shape: number[];
  /** All values in row-major order; 64-bit whole numbers as ordinary numbers. */
  values: ArrayLike<number>;
}

export interface File {
  tensors: Map<string, Tensor>;
  notes: Record<string, string>;
}

interface Entry {
  dtype: string;
  shape: number[];
  data_offsets: [number, number];
}

type Reader = (bytes: ArrayBuffer) => ArrayLike<number>;

const READERS: Record<string, Reader> = {
  F64: (bytes) => new Float64Array(bytes),
  F32: (bytes) => new Float32Array(bytes),
  F16: (bytes) => widen(new Uint16Array(bytes)),
  BF16: (bytes) => fromBrain(new Uint16Array(bytes)),
  I64: (bytes) => Float64Array.from(new BigInt64Array(bytes), Number),
  U64: (bytes) => Float64Array.from(new BigUint64Array(bytes), Number),
  I32: (bytes) => new Int32Array(bytes),
  U32: (bytes) => new Uint32Array(bytes),
  I16: (bytes) => new Int16Array(bytes),
  U16: (bytes) => new Uint16Array(bytes),
  I8: (bytes) => new Int8Array(bytes),
  U8: (bytes) => new Uint8Array(bytes),
  BOOL: (bytes) => new Uint8Array(bytes),
};

/** Read a whole file. Throws an Error that says what is wrong with it. */
export function readSafetensors(file: ArrayBuffer): File {
  if (file.byteLength < 8) throw new Error(say("file.short"));
  const length = Number(new DataView(file).getBigUint64(0, true));
  if (8 + length > file.byteLength) throw new Error(say("file.header"));
  const text = new TextDecoder().decode(new Uint8Array(file, 8, length));
  const header = JSON.parse(text) as Record<string, unknown>;
  const notes = (header["__metadata__"] ?? {}) as Record<string, string>;
  const tensors = new Map<string, Tensor>();
  for (const [name, entry] of Object.entries(header)) {
    if (name !== "__metadata__") tensors.set(name, readOne(file, 8 + length, name, entry as Entry));
  }
  return { tensors, notes };
}

function readOne(file: ArrayBuffer, start: number, name: string, entry: Entry): Tensor {
  const reader = READERS[entry.dtype];
  if (!reader) throw new Error(say("file.kind", { name, kind: entry.dtype }));
  const [from, to] = entry.data_offsets;
  if (start + to > file.byteLength) throw new Error(say("file.within", { name }));
  // A copy: the numbers need not stand where their kind of array may begin.
  const values = reader(file.slice(start + from, start + to));
  return { name, dtype: entry.dtype, shape: entry.shape, values };
}

function fromBrain(bits: Uint16Array): Float32Array {
  const wide = new Uint32Array(bits.length);
  for (let i = 0; i < bits.length; i++) wide[i] = bits[i]! << 16;
  return new Float32Array(wide.buffer);
}
