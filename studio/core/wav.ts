// A recording as a WAV file: 16-bit whole numbers, one channel.

/** All channels as one. */
export function mixed(channels: readonly Float32Array[]): Float32Array {
  const [first] = channels;
  if (!first) return new Float32Array(0);
  return first.map((_, i) => channels.reduce((sum, channel) => sum + channel[i]!, 0) / channels.length);
}

/** samples: -1 .. 1; what lies outside is cut off. */
export function wav(samples: Float32Array, rate: number): ArrayBuffer {
  const file = new ArrayBuffer(44 + 2 * samples.length);
  const view = new DataView(file);
  const letters = (at: number, text: string) => [...text].forEach((letter, i) => view.setUint8(at + i, letter.charCodeAt(0)));
  letters(0, "RIFF");
  view.setUint32(4, 36 + 2 * samples.length, true);
  letters(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true); // plain numbers
  view.setUint16(22, 1, true); // channels
  view.setUint32(24, rate, true);
  view.setUint32(28, 2 * rate, true); // bytes a second
  view.setUint16(32, 2, true); // bytes a sample
  view.setUint16(34, 16, true); // bits a sample
  letters(36, "data");
  view.setUint32(40, 2 * samples.length, true);
  samples.forEach((sample, i) => {
    const within = Math.max(-1, Math.min(1, sample));
    view.setInt16(44 + 2 * i, Math.round(within * (within < 0 ? 32768 : 32767)), true);
  });
  return file;
}
