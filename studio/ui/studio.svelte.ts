// What the page shows, in one place: the view (the address), the run, and what follows from both.
// Components read it and call `go`; nothing else is shared.

import { HttpSource, Refusal } from "../core/api";
import { InlineSource } from "../core/inline";
import { insideOf, type Inside } from "../core/inside";
import { marksOf, nearest, type Mark } from "../core/marks";
import { overfitting } from "../core/overfitting";
import type { Drawings, Manifest, Probe } from "../core/manifest";
import type { Theme } from "../core/paint";
import { isStation, readHash, STATIONS, writeHash, type View } from "../core/state";
import { standing } from "../core/standing";
import { ofFold, type Steps } from "../core/steps";
import type { File } from "../core/safetensors";
import { Trace, type Source } from "../core/trace";

const AGAIN_MS = 1000;
const ADDRESS_MS = 120;

export class Studio {
  view = $state.raw<View>(readHash(location.hash));
  trace = $state.raw<Trace | null>(null);
  problem = $state.raw<Refusal | null>(null);
  /** What a run that was just started says while it reads its data; null: it has begun. */
  starting = $state.raw<string | null>(null);
  /** Counts up when the run has grown. */
  grown = $state(0);
  playing = $state(false);
  /** Whether the server still answers, for a run that learns. */
  contact = $state(true);
  drawings = $state.raw<Drawings[] | null>(null);
  /** How many tokens of a text column the chosen example has; more places are empty. */
  private lengths = $state.raw<Record<string, number[]>>({});
  targets = $state.raw<(number | number[])[] | null>(null);
  /** When the chosen example was first right, once that is known. */
  firstRight = $state.raw<number | null>(null);
  theme = $state<Theme>("light");
  announcement = $state("");

  readonly source: Source;
  private writing: ReturnType<typeof setTimeout> | undefined;

  constructor(source: Source) {
    this.source = source;
  }

  manifest: Manifest | null = $derived(this.grown >= 0 && this.trace ? this.trace.manifest : null);
  recorded: number[] = $derived(this.grown >= 0 && this.trace ? this.trace.recorded : []);
  inside: Inside | null = $derived(this.manifest?.network && this.manifest.taps?.length ? insideOf(this.manifest) : null);
  probe: Probe | null = $derived(this.manifest?.probe ?? null);
  /** The recorded step that is shown; null if none was recorded. */
  step: number | null = $derived.by(() => {
    const wanted = this.view.step ?? Infinity;
    return this.recorded[nearest(this.recorded, wanted)] ?? null;
  });
  index: number = $derived(this.step === null ? -1 : this.recorded.indexOf(this.step));
  examples: number = $derived(this.probe?.rows.length ?? 0);
  example: number = $derived(Math.min(this.view.example, Math.max(0, this.examples - 1)));
  target: number | number[] | null = $derived(this.targets?.[this.example] ?? null);
  drawing: Drawings | null = $derived(this.drawings?.[this.example] ?? null);
  live: boolean = $derived(!!this.manifest?.alive && ["learning", "paused"].includes(this.manifest.status));
  /** Whether learning ended without a model: nothing more comes by itself. */
  over: boolean = $derived(!!this.manifest && ["killed", "failed"].includes(standing(this.manifest)));
  /** Whether the run has a plan and a network by now; before that there is nothing to show. */
  ready: boolean = $derived(!!this.manifest?.task && !!this.manifest.plan && !!this.manifest.network);
  /** The rows of `steps.bin` of the network that was watched. */
  steps: Steps = $derived(this.grown >= 0 && this.trace ? ofFold(this.trace.steps, this.trace.index.fold) : {});
  lastStep: number = $derived(Math.max(this.recorded.at(-1) ?? 0, this.steps["step"]?.at(-1) ?? 0));
  marks: Mark[] = $derived.by(() => {
    if (!this.trace || this.grown < 0) return [];
    return marksOf(this.trace.events, this.recorded, this.trace.index.fold, this.firstRight, overfitting(this.steps)?.step ?? null);
  });

  /** Move to another view; a change of place can be undone with the browser's back button. */
  go(change: Partial<View>): void {
    const before = this.view;
    this.view = { ...before, ...change };
    clearTimeout(this.writing);
    if (this.view.place !== before.place || this.view.run !== before.run) {
      history.pushState(null, "", writeHash(this.view));
      return;
    }
    // Browsers allow few changes of the address in a second; through time there are many.
    this.writing = setTimeout(() => history.replaceState(null, "", writeHash(this.view)), ADDRESS_MS);
  }

  /** To the recorded step `by` places further. */
  move(by: number): void {
    if (this.index < 0) return;
    const index = Math.max(0, Math.min(this.recorded.length - 1, this.index + by));
    this.toIndex(index);
  }

  toIndex(index: number): void {
    const last = index >= this.recorded.length - 1;
    this.go({ step: last && this.live ? null : this.recorded[index]! });
  }

  /** To the next mark, or the one before. */
  toMark(way: 1 | -1): void {
    const ahead = this.marks.filter((mark) => (way > 0 ? mark.index > this.index : mark.index < this.index));
    const mark = way > 0 ? ahead[0] : ahead.at(-1);
    if (mark) {
      this.go({ step: mark.step });
      this.announcement = mark.words;
    }
  }

  nextExample(by: number): void {
    if (this.examples) this.go({ example: (this.example + by + this.examples) % this.examples });
  }

  nextStation(by: number): void {
    const place = this.view.place;
    const at = isStation(place) ? STATIONS.indexOf(place) : 0;
    this.go({ place: STATIONS[Math.max(0, Math.min(STATIONS.length - 1, at + by))]!, layer: null, unit: null });
  }

  async open(run: string): Promise<void> {
    this.problem = this.starting = null;
    this.trace = null;
    this.drawings = this.targets = null;
    this.lengths = {};
    try {
      const trace = await Trace.open(this.source, run);
      if (this.view.run !== run) return;
      this.trace = trace;
      this.grown++;
      await this.readProbe(trace);
    } catch (error) {
      if (this.view.run !== run) return;
      if (await this.isStarting(run)) setTimeout(() => this.view.run === run && void this.open(run), AGAIN_MS);
      else this.problem = asRefusal(error);
    }
  }

  /** Whether a process reads the data of a run that has no manifest yet. */
  private async isStarting(run: string): Promise<boolean> {
    try {
      const log = (await this.source.json(`runs/${encodeURIComponent(run)}/log`)) as { text: string; running: boolean };
      this.starting = log.running ? log.text : null;
      return log.running;
    } catch {
      return false;
    }
  }

  /** Fetch what is new in a run that learns. */
  async grow(everything = false): Promise<void> {
    const trace = this.trace;
    if (!trace) return;
    if (everything || !trace.manifest.taps?.length) await trace.refresh();
    await trace.grow();
    this.grown++;
    if (!this.drawings) await this.readProbe(trace);
  }

  /** Places of a branch that hold something in the chosen example; null: all of them. */
  lengthOf(group: string): number | null {
    return this.lengths[group]?.[this.example] ?? null;
  }

  private async readProbe(trace: Trace): Promise<void> {
    const probe = trace.manifest.probe;
    if (!probe) return;
    this.drawings = probe.drawings ?? (await trace.ask<{ drawings: Drawings[] }>("drawings")).drawings;
    this.targets = probe.targets ?? targetsOf(await trace.probe());
    const texts = trace.manifest.network?.parts.filter((part) => part.way === "lookup" && part.positions.length) ?? [];
    this.lengths = texts.length ? lengthsOf(probe, texts.map((part) => part.part), probe.tokens ? null : await trace.probe()) : {};
  }
}

/** Tokens of each watched example: as the manifest tells them, or the ids that are not padding. */
function lengthsOf(probe: Probe, groups: string[], file: File | null): Record<string, number[]> {
  return Object.fromEntries(
    groups.map((group) => {
      const tokens = probe.tokens?.[group];
      if (tokens) return [group, tokens.map((words) => words.length)];
      const ids = file?.tensors.get(`inputs/${group}`);
      const length = ids?.shape[1] ?? 0;
      const counts = Array.from({ length: ids?.shape[0] ?? 0 }, (_, row) => {
        const own = Array.prototype.slice.call(ids!.values, row * length, (row + 1) * length) as number[];
        return own.filter((id) => id !== 0).length;
      });
      return [group, counts];
    }),
  );
}

/** The encoded targets of a run whose manifest does not say them. */
function targetsOf(file: Awaited<ReturnType<Trace["probe"]>>): (number | number[])[] {
  const target = file.tensors.get("target");
  if (!target) return [];
  const width = target.shape[1];
  if (width === undefined) return Array.from(target.values);
  return Array.from({ length: target.shape[0]! }, (_, row) =>
    Array.from({ length: width }, (_, i) => target.values[row * width + i]!),
  );
}

export function asRefusal(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  return new Refusal(error instanceof Error ? error.message : String(error), "", "", 0);
}

export const api = new HttpSource();
const carried = InlineSource.ofPage();
/** In a report the run is carried by the page, and there is no network to ask. */
export const inReport = carried !== null;
export const studio = new Studio(carried ?? api);
