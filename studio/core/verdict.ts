// Was deep learning needed? verdict.json, and runs of the same source: GET home.

import { bytes, number, seconds } from "./numbers";
import { scoreWords } from "./results";
import { say } from "./say";

export interface Method {
  name: string;
  score: number;
  low: number;
  high: number;
  valid_score: number | null;
  seconds: number;
  ms_per_row: number;
  bytes: number;
}

export interface Verdict {
  sentence: string;
  winner: string;
  metric: string;
  rows: number;
  network: Method;
  baselines: Method[];
  difference: { value: number; low: number; high: number; versus: string; p: number | null } | null;
  chosen: string;
}

/** GET home, of one run. */
export interface RunLine {
  run: string;
  name: string;
  status: string;
  alive: boolean;
  started: string | null;
  seconds: number | null;
  source: string | null;
  task: string | null;
  target: string | null;
  network: string[];
  rows: Record<string, number> | null;
  metric: string | null;
  score: number | null;
  low: number | null;
  high: number | null;
}

/** "No: the simpler model is enough." -> its first word, and the rest as a sentence. */
export function answerAndReason(sentence: string): { answer: string; reason: string } {
  const cut = sentence.indexOf(": ");
  if (cut < 0 || cut > 20) return { answer: "", reason: sentence };
  const reason = sentence.slice(cut + 2);
  return { answer: sentence.slice(0, cut), reason: reason.charAt(0).toUpperCase() + reason.slice(1) };
}

/** All methods, best on the sealed rows first. */
export function standingsOf(verdict: Verdict, higher: boolean): Method[] {
  const sign = higher ? -1 : 1;
  return [verdict.network, ...verdict.baselines].sort((a, b) => sign * (a.score - b.score));
}

export function costsOf(method: Method): { trained: string; row: string; size: string } {
  return { trained: seconds(method.seconds), row: milliseconds(method.ms_per_row), size: bytes(method.bytes) };
}

function milliseconds(value: number): string {
  return value < 0.001 ? `${number(1000 * value, 2)} µs` : value < 1000 ? `${number(value, 2)} ms` : seconds(value / 1000);
}

/** The difference as people say it: points of percent, or the metric's own unit. */
export function differenceWords(metric: string, value: number): string {
  const figure = difference(metric, value);
  return inPoints(metric) ? say("label.verdict.points_points", { points: figure }) : figure;
}

/** The same without its unit, for a scale. */
export function difference(metric: string, value: number): string {
  const size = inPoints(metric) ? number(Math.abs(100 * value), 2) : number(Math.abs(value));
  return `${value > 0 ? "+" : value < 0 ? "−" : ""}${size}`;
}

function inPoints(metric: string): boolean {
  return scoreWords(metric, 0.5).endsWith("%");
}

/** Other runs that learned the same target of the same source, and have something to show. */
export function sameSource(runs: readonly RunLine[], mine: { run: string; source: string; target: string }): RunLine[] {
  return runs.filter((one) => one.run !== mine.run && one.source === mine.source && one.target === mine.target && one.status !== "damaged");
}
