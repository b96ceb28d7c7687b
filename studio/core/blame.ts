// Blame at the inputs: what the recorded gradients say about the example itself.

import type { Branch, Value } from "./inside";
import type { Seen } from "./looks";
import { whole } from "./looks";
import type { Named } from "./manifest";

export function norm(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]! * values[i]!;
  return Math.sqrt(sum);
}

/** Length of the gradient at each position, where the last axis is taken together. */
export function normsAt(values: ArrayLike<number>, width: number): number[] {
  const found: number[] = [];
  for (let start = 0; start < values.length; start += width) {
    let sum = 0;
    for (let i = start; i < start + width; i++) sum += values[i]! * values[i]!;
    found.push(Math.sqrt(sum));
  }
  return found;
}

/** A list of `length` values from one that kept only every so-many-th. */
export function spreadOut(values: readonly number[], stride: number, length: number): number[] {
  return Array.from({ length }, (_, i) => values[Math.min(values.length - 1, Math.floor(i / stride))]!);
}

/** The first watched value of a branch that has a gradient, and is neither pooled nor the output. */
export function firstValue(branch: Branch): Value | null {
  return branch.values.find((value) => value.what !== "pooled" && value.what !== "attention") ?? null;
}

/** The parameter of a picture network's first convolution. */
export function firstConvolution(branch: Branch, parameters: readonly Named[]): Named | null {
  const key = branch.group.replaceAll(".", "∙");
  return parameters.find((one) => one.name === `branches.${key}.network.stages.0.convolution.weight`) ?? null;
}

/**
 * The gradient at a picture's pixels, from the one behind the first convolution: exact if both were
 * kept whole, else null.
 *
 * gradient: (height', width', features). weight: (features, channels, kernel, kernel).
 * Result: (height, width, channels), in units of the normalized pixels.
 */
export function throughConvolution(
  gradient: Seen,
  weight: Seen,
  height: number,
  width: number,
  stride: number,
): Float32Array | null {
  if (!whole(gradient.part) || !whole(weight.part)) return null;
  const [rows, columns, features] = gradient.shape as [number, number, number];
  const [, channels, kernel] = weight.shape as [number, number, number];
  const pad = Math.floor(kernel / 2);
  const found = new Float32Array(height * width * channels);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      for (let feature = 0; feature < features; feature++) {
        const blame = gradient.values[(i * columns + j) * features + feature]!;
        if (blame === 0) continue;
        for (let channel = 0; channel < channels; channel++) {
          for (let a = 0; a < kernel; a++) {
            const row = i * stride + a - pad;
            if (row < 0 || row >= height) continue;
            for (let b = 0; b < kernel; b++) {
              const column = j * stride + b - pad;
              if (column < 0 || column >= width) continue;
              const place = ((feature * channels + channel) * kernel + a) * kernel + b;
              found[(row * width + column) * channels + channel]! += blame * weight.values[place]!;
            }
          }
        }
      }
    }
  }
  return found;
}

/**
 * The gradient at what enters a first dense layer, exact if the weights were kept whole.
 *
 * gradient: ([members,] width). weight: (width, inputs). stretchIn: (members, inputs) and
 * stretchOut: (members, width) of an ensemble with shared weights.
 */
export function throughDense(
  gradient: Seen,
  weight: Seen,
  stretchIn: Seen | null = null,
  stretchOut: Seen | null = null,
): Float32Array | null {
  if (![gradient, weight, stretchIn, stretchOut].every((one) => !one || whole(one.part))) return null;
  const [width, inputs] = weight.shape as [number, number];
  const members = gradient.values.length / width;
  const found = new Float32Array(inputs);
  for (let member = 0; member < members; member++) {
    for (let input = 0; input < inputs; input++) {
      let sum = 0;
      for (let neuron = 0; neuron < width; neuron++) {
        const blame = gradient.values[member * width + neuron]! * (stretchOut?.values[member * width + neuron] ?? 1);
        sum += blame * weight.values[neuron * inputs + input]!;
      }
      found[input]! += sum * (stretchIn?.values[member * inputs + input] ?? 1);
    }
  }
  return found;
}
