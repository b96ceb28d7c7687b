// A run as the page reads it. Where it comes from is a Source: the studio's server, or a report
// that carries its run inside itself. Everything is read when it is asked for, and kept.

import { Chunk, type Seen, type Statistics } from "./looks";
import type { Manifest, RunEvent } from "./manifest";
import { readSafetensors, type File } from "./safetensors";
import { say } from "./say";
import { joinSteps, readSteps, type Layout, type Steps } from "./steps";

export interface Source {
  /** Throws an Error with words for a person. */
  json(path: string): Promise<unknown>;
  bytes(path: string): Promise<ArrayBuffer>;
}

interface Index {
  fold: number;
  recorded: [step: number, chunk: number, row: number][];
  cost_seconds: number;
}

const KEPT_BYTES = 64 * 2 ** 20;

/** One recorded step: the tensors that were asked for, and the statistics of all. */
export class Look {
  constructor(
    readonly step: number,
    /** Which watched example the activations belong to; null: all of them. */
    readonly example: number | null,
    private readonly chunks: Map<string, [Chunk, number]>,
    private readonly examples: number,
  ) {}

  private readonly known = new Map<string, Seen | null>();

  /** One tensor; activations without the axis of examples if one was asked for. */
  seen(key: string): Seen | null {
    let seen = this.known.get(key);
    if (seen === undefined) {
      seen = this.decoded(key);
      this.known.set(key, seen);
    }
    return seen;
  }

  private decoded(key: string): Seen | null {
    const found = this.chunks.get(key);
    const seen = found ? found[0].seen(key, found[1]) : null;
    if (!seen || this.example === null || !key.startsWith("activation")) return seen;
    return ofExample(seen, this.example, this.examples);
  }

  statistics(key: string): Statistics | null {
    const [first] = this.chunks.values();
    return first ? first[0].statistics(key, first[1]) : null;
  }

  /** Mean loss over the watched examples. */
  get loss(): number {
    const [first] = this.chunks.values();
    return first ? first[0].loss(first[1]) : NaN;
  }

  keys(): string[] {
    const [first] = this.chunks.values();
    return first ? first[0].keys() : [];
  }
}

/** The part of an activation that one example caused; a server may have sent no other. */
function ofExample(seen: Seen, example: number, examples: number): Seen {
  const shape = seen.shape.slice(1);
  const size = shape.reduce((product, n) => product * n, 1);
  const start = seen.shape[0] === examples ? example * size : 0;
  return { ...seen, shape, values: seen.values.subarray(start, start + size) };
}

export class Trace {
  manifest!: Manifest;
  steps: Steps = {};
  events: RunEvent[] = [];
  index: Index = { fold: 0, recorded: [], cost_seconds: 0 };
  private readonly chunks = new Map<string, { chunk: Chunk; bytes: number; looks: number }>();
  private readonly under_way = new Map<string, Promise<Chunk>>();
  private readonly files = new Map<string, Promise<File>>();
  private readonly answers = new Map<string, Promise<unknown>>();

  constructor(
    private readonly source: Source,
    readonly run: string,
  ) {}

  static async open(source: Source, run: string): Promise<Trace> {
    const trace = new Trace(source, run);
    trace.manifest = (await source.json(trace.path("manifest"))) as Manifest;
    await trace.grow();
    return trace;
  }

  /** Fetch what is new: rows of the steps, events, and which steps have looks. */
  async grow(): Promise<void> {
    const rows = this.steps["step"]?.length ?? 0;
    const [bytes, events, index] = await Promise.all([
      this.source.bytes(this.path(`steps?from=${rows}`)),
      this.source.json(this.path(`events?from=${this.events.length}`)),
      this.source.json(this.path("looks")),
    ]);
    this.steps = joinSteps(this.steps, readSteps(bytes, this.layout));
    this.events = [...this.events, ...(events as RunEvent[])];
    this.index = index as Index;
  }

  private get layout(): Layout {
    return { fields: this.manifest.fields, size: this.manifest.row_bytes };
  }

  async refresh(): Promise<void> {
    this.manifest = (await this.source.json(this.path("manifest"))) as Manifest;
    this.answers.clear();
    this.files.clear();
  }

  /** Steps that were looked at, rising. */
  get recorded(): number[] {
    return this.index.recorded.map(([step]) => step).sort((a, b) => a - b);
  }

  /** The look at a recorded step with these tensors, `GROUP/NAME`. */
  async look(step: number, keys: readonly string[], example: number | null = null): Promise<Look> {
    const place = this.index.recorded.find(([recorded]) => recorded === step);
    if (!place) throw new Error(say("state.step", { step }));
    const [, number, row] = place;
    const inside = keys.filter((key) => key.startsWith("activation"));
    const others = keys.filter((key) => !key.startsWith("activation"));
    const found = new Map<string, [Chunk, number]>();
    const asks: [string[], number | null][] = [[inside, example], [others, null]];
    if (!keys.length) asks.splice(0, 2, [["steps"], null]);
    await Promise.all(
      asks.map(async ([wanted, of]) => {
        for (const [key, chunk] of await this.parts(number, row, wanted, of)) {
          found.set(key, [chunk, row]);
        }
      }),
    );
    return new Look(step, example, found, this.manifest.probe?.rows.length ?? 0);
  }

  /** Statistics of one tensor at every recorded step, asked chunk by chunk. */
  async history<T>(keys: readonly string[], read: (look: Look) => T): Promise<[number, T][]> {
    const found: [number, T][] = [];
    for (const step of this.recorded) found.push([step, read(await this.look(step, keys))]);
    return found;
  }

  weights(step: number, only?: readonly string[]): Promise<File> {
    const query = new URLSearchParams((only ?? []).map((name) => ["only", name]));
    if (this.manifest.version) query.set("v", this.manifest.version);
    return this.file(`weights/${step}?${query}`);
  }

  probe(): Promise<File> {
    return this.file("probe");
  }

  validationAnswers(): Promise<File> {
    return this.file("answers");
  }

  results(name: "test" | "valid"): Promise<File> {
    return this.file(`results/${name}`);
  }

  /** A JSON answer of the run, kept; `results/summary`, `findings`, `rows?split=train`. */
  ask<T>(path: string): Promise<T> {
    return once(this.answers, path, () => this.source.json(this.path(path))) as Promise<T>;
  }

  private file(path: string): Promise<File> {
    return once(this.files, path, async () => readSafetensors(await this.source.bytes(this.path(path))));
  }

  private path(rest: string): string {
    return `runs/${encodeURIComponent(this.run)}/${rest}`;
  }

  private async parts(
    number: number,
    row: number,
    keys: readonly string[],
    example: number | null,
  ): Promise<[string, Chunk][]> {
    const of = example === null ? "" : String(example);
    const kept = (key: string) => {
      const entry = this.chunks.get(`${number}|${of}|${key}`);
      return entry && entry.looks > row ? entry.chunk : null;
    };
    const missing = keys.filter((key) => !kept(key));
    if (missing.length) await this.fetchParts(number, missing, of);
    return keys.flatMap((key) => {
      const chunk = kept(key);
      return chunk ? [[key, chunk] as [string, Chunk]] : [];
    });
  }

  private async fetchParts(number: number, keys: string[], of: string): Promise<void> {
    const query = new URLSearchParams(keys.map((key) => ["only", key]));
    if (of) query.set("example", of);
    if (this.manifest.version) query.set("v", this.manifest.version);
    const path = this.path(`looks/${number}?${query}`);
    let asked = this.under_way.get(path);
    if (!asked) {
      asked = this.source.bytes(path).then((bytes) => this.keep(number, keys, of, bytes));
      this.under_way.set(path, asked);
      asked.finally(() => this.under_way.delete(path)).catch(() => undefined);
    }
    await asked;
  }

  private keep(number: number, keys: string[], of: string, bytes: ArrayBuffer): Chunk {
    const chunk = new Chunk(bytes);
    const entry = { chunk, bytes: bytes.byteLength / keys.length, looks: chunk.steps.length };
    for (const key of keys) this.chunks.set(`${number}|${of}|${key}`, entry);
    let total = 0;
    for (const each of this.chunks.values()) total += each.bytes;
    for (const [name, each] of this.chunks) {
      if (total <= KEPT_BYTES) break;
      if (each !== entry) {
        this.chunks.delete(name);
        total -= each.bytes;
      }
    }
    return chunk;
  }
}

function once<T>(kept: Map<string, Promise<T>>, key: string, make: () => Promise<T>): Promise<T> {
  let found = kept.get(key);
  if (!found) {
    found = make();
    kept.set(key, found);
    found.catch(() => kept.delete(key));
  }
  return found;
}
