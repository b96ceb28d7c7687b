// What the first page tells: the runs of this machine, and examples to begin with. GET /api/home.

import { isShare, scoreWords } from "./results";
import { say } from "./say";

export interface RunLine {
  run: string;
  name: string;
  folder: string;
  status: "starting" | "learning" | "paused" | "done" | "interrupted" | "failed" | "damaged";
  alive: boolean;
  stage: string | null;
  started: string | null;
  seconds: number | null;
  source: string | null;
  task: string | null;
  target: string | null;
  modalities: string[];
  network: string[];
  rows: Record<string, number> | null;
  metric: string | null;
  score: number | null;
  low: number | null;
  high: number | null;
  verdict: string | null;
  problem: { what: string; fix: string } | null;
}

export interface Example {
  name: string;
  title: string;
  modality: string;
  made_up: boolean;
  description: string;
  seconds: number | null;
}

export interface Home {
  version: string;
  folder: string;
  runs: RunLine[];
  examples: Example[];
}

/** The score in words: "98.3 % accuracy"; empty if there is none. */
export function scored(line: RunLine): string {
  if (line.score === null || line.metric === null) return "";
  const said = scoreWords(line.metric, line.score);
  return isShare(line.metric) ? `${said} ${line.metric}` : `${line.metric} ${said}`;
}

/** Where a run stands, in a word or two. */
export function standing(line: RunLine): string {
  if (line.status === "learning" || line.status === "starting" || line.status === "paused") {
    return line.alive || line.status === "starting" ? (line.stage ?? line.status) : say("word.stopped");
  }
  return line.status === "done" ? "" : line.status;
}

/** What an example's time is on this machine; before it was ever measured nobody knows. */
export function lasting(example: Example): string {
  if (example.seconds === null) return say("home.minute");
  return example.seconds < 90 ? say("home.seconds", { time: Math.max(1, Math.round(example.seconds)) }) : say("home.minutes", { time: Math.round(example.seconds / 60) });
}
