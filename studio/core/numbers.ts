// Figures as a reader wants them: short, never more exact than they are, with a real minus sign.

const RAISED: Record<string, string> = {
  "-": "⁻", "0": "⁰", "1": "¹", "2": "²", "3": "³", "4": "⁴", "5": "⁵", "6": "⁶", "7": "⁷", "8": "⁸", "9": "⁹",
};

const grouped = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

/** So many significant digits; very large and very small ones as powers of ten. */
export function number(value: number | null | undefined, digits = 3): string {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (Number.isInteger(value) && size < 1e9) return minus(grouped.format(value));
  if (size >= 1000 && size < 1e9) return minus(grouped.format(value));
  if (size < 1e-3 || size >= 1e9) return power(value, digits);
  const places = Math.max(0, digits - 1 - Math.floor(Math.log10(size)));
  return minus(value.toFixed(Math.min(places, 12)));
}

/** A number of the data as somebody wrote it: 0.5 and not 0.5000. */
export function plain(value: number | null | undefined): string {
  return number(value, 4).replace(/(\.\d*?)0+(?=$|·)/, "$1").replace(/\.(?=$|·)/, "");
}

/** How many digits tell two numbers apart, at least `digits`. */
export function digitsApart(one: number, other: number, digits = 4): number {
  const most = 9;
  while (digits < most && one !== other && number(one, digits) === number(other, digits)) digits++;
  return digits;
}

/** With a plus sign where it is one. */
export function signed(value: number, digits = 3): string {
  return value > 0 ? `+${number(value, digits)}` : number(value, digits);
}

/** A fixed number of places, for columns of figures that stand below each other. */
export function fixed(value: number | null | undefined, places: number): string {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  const text = value.toFixed(places);
  return minus(Number(text) === 0 ? text.replace("-", "") : text);
}

/** What is added behind something: "+ 0.5" or "− 0.5". */
export function added(value: number, digits = 3): string {
  return value < 0 ? `− ${number(-value, digits)}` : `+ ${number(value, digits)}`;
}

export function count(value: number): string {
  return minus(grouped.format(value));
}

/** A share in percent, "71%" as reports and the terminal write it; 100% only of everything, 0% only of nothing. */
export function percent(share: number | null | undefined, places?: number): string {
  if (share === null || share === undefined || Number.isNaN(share)) return "–";
  const size = Math.abs(share);
  const used = places ?? (size > 0 && size < 0.0995 ? 1 : size > 0.985 && size < 1 ? 1 : 0);
  const text = (100 * share).toFixed(used);
  if (share < 1 && Number(text) === 100) return `>${used ? "99.9" : "99"}%`;
  if (share > 0 && Number(text) === 0) return `<${used ? "0.1" : "1"}%`;
  return `${minus(text)}%`;
}

export function seconds(value: number): string {
  if (value < 1) return `${number(1000 * value, 2)} ms`;
  if (value < 90) return `${number(value, 2)} s`;
  if (value < 5400) return `${number(value / 60, 2)} min`;
  return `${number(value / 3600, 2)} h`;
}

export function bytes(value: number): string {
  if (value < 1000) return `${count(value)} B`;
  if (value < 1e6) return `${number(value / 1000, 2)} kB`;
  return value < 1e9 ? `${number(value / 1e6, 2)} MB` : `${number(value / 1e9, 2)} GB`;
}

/** A way to write figures that stand below each other: equally many places, enough for the largest. */
export function together(values: readonly number[]): (value: number) => string {
  const largest = Math.max(0, ...values.map(Math.abs).filter(Number.isFinite));
  if (!largest) return (value) => number(value);
  if (values.every(Number.isInteger)) return (value) => count(value);
  const power = Math.floor(Math.log10(largest));
  const places = 2 - power + (largest / 10 ** power < 2 ? 1 : 0);
  if (places > 6 || places < 0) return (value) => number(value);
  return (value) => fixed(value, places);
}

/** 8 × 8 × 32; a single number of nothing is "1". */
export function times(shape: readonly number[]): string {
  return shape.length ? shape.map(count).join(" × ") : "1";
}

function power(value: number, digits: number): string {
  const [front, exponent] = value.toExponential(digits - 1).split("e");
  const raised = [...String(Number(exponent))].map((c) => RAISED[c] ?? c).join("");
  return `${minus(front!)}·10${raised}`;
}

function minus(text: string): string {
  return text.replace("-", "−");
}
