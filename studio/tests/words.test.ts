// What a person reads comes from the messages, so that it can be said in another language.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { MESSAGES } from "../core/messages.en";
import { LABELS } from "../core/messages.labels.en";
import { ROOM_MESSAGES } from "../core/messages.rooms.en";
import { textsOf } from "./shown";

const ROOT = join(import.meta.dirname, "..");

/** What looks like a text and is none, by its file; the same text anywhere else is found. */
const NO_TEXTS: Readonly<Record<string, { why: string; texts: readonly string[] }>> = {
  "stations/byhand/AttentionRow.svelte": { why: "a formula", texts: ["e^fit"] },
  "stations/data/Pile.svelte": { why: "a pile's name in the run", texts: ["set aside"] },
  "stations/diagnostics/Panel.svelte": { why: "Python to copy", texts: ['from pellucid import Run run = Run("{}") {}'] },
  "stations/diagnostics/Strip.svelte": { why: "a style", texts: ["linear-gradient(to right, {})"] },
  "stations/loop/EpochDots.svelte": { why: "a font", texts: ["10px sans-serif"] },
  "stations/features/Regions.svelte": { why: "what the model is asked for", texts: ["plane"] },
  "stations/prediction/AfterEachPart.svelte": { why: "what the model is asked for", texts: ["time"] },
  "stations/prediction/OneKnob.svelte": { why: "what the model is asked for", texts: ["column"] },
  "stations/use/Ask.svelte": { why: "a file's name", texts: ["watched.png"] },
  "stations/use/Entry.svelte": { why: "a file's name", texts: ["recording.wav"] },
  "ui/keyboard.ts": { why: "what stands on the keys", texts: ["Shift", "Home", "End", "Space"] },
  "core/inside.ts": { why: "names of values and parts in the run", texts: ["after attention", "{} (column)"] },
  "core/numbers.ts": { why: "a unit", texts: ["{} min"] },
  "core/path.ts": { why: "names of values in the run", texts: ["after attention"] },
  "core/operations/blocks.ts": { why: "names of values in the run", texts: ["after attention"] },
  "core/operations/dense.ts": { why: "names of values in the run", texts: ["side by side"] },
  "core/operations/transformer.ts": { why: "names of values in the run, and a key of its own", texts: ["after attention", "{} into {}"] },
  "core/receipt.ts": { why: "names of what-ifs as they are asked for", texts: ["rate x10", "no activation", "shuffled labels"] },
  "core/results.ts": {
    why: "names of metrics in the run",
    texts: ["log loss", "grade error", "balanced accuracy", "macro F1", "micro F1", "subset accuracy", "average precision", "ranking precision"],
  },
  "core/say.ts": { why: "mistakes of whoever writes a message", texts: ["nothing to fill in for '{}'", "a brace is not closed in '{}'"] },
};

const sources = ["stations", "ui", "core"].flatMap((folder) =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf-8" })
    .filter((name) => /\.(svelte|ts)$/.test(name) && !/^messages\./.test(name))
    .map((name) => join(folder, name).replaceAll("\\", "/"))
    .map((name) => ({ name, source: readFileSync(join(ROOT, name), "utf-8") })),
);

describe("words on the page", () => {
  it("come from the messages", () => {
    const found = sources.flatMap(({ name, source }) => textsOf(source, name.endsWith(".svelte")).map((one) => ({ name, ...one })));
    const outside = found.filter(({ name, text }) => !NO_TEXTS[name]?.texts.includes(text));
    expect(outside.map(({ name, line, text }) => `${name}:${line}: ${text}`)).toEqual([]);
    // No exception outlives what it was made for.
    const unused = Object.entries(NO_TEXTS).flatMap(([name, { texts }]) => texts.filter((text) => !found.some((one) => one.name === name && one.text === text)));
    expect(unused).toEqual([]);
  }, 60_000);

  it("are all in use", () => {
    const all = sources.map(({ source }) => source).join("\n");
    // Some are chosen by a part of their name: say(`older.${one}`).
    const starts = [...all.matchAll(/say\(\s*`([\w.]+)\$\{/g)].map((said) => said[1]!);
    const ids = Object.keys({ ...MESSAGES, ...ROOM_MESSAGES, ...LABELS }).filter((id) => !starts.some((start) => id.startsWith(start)));
    expect(ids.filter((id) => !["\"", "'", "`"].some((quote) => all.includes(quote + id + quote)))).toEqual([]);
  });

  it("have a name of their own each", () => {
    const names = [MESSAGES, ROOM_MESSAGES, LABELS].flatMap((messages) => Object.keys(messages));
    expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([]);
  });
});

describe("a text outside of the messages", () => {
  const inMarkup = (source: string) => textsOf(source, true).map(({ text }) => text);
  const inScript = (source: string) => textsOf(source, false).map(({ text }) => text);

  it("is found in markup", () => {
    expect(inMarkup("<p>At step {step}: loss <b>{loss}</b></p>")).toEqual(["At step", ": loss"]);
    expect(inMarkup('<Figure title="Weights" caption="{name} of this example" />')).toEqual(["Weights", "of this example"]);
    expect(inMarkup("<p>{open ? 'less' : `all ${n}`}</p>")).toEqual(["less", "all {}"]);
    expect(inMarkup("<Figure table={() => ({ head: ['loss'], rows })} />")).toEqual(["loss"]);
    expect(inMarkup("<img alt={`Row ${row}`} />")).toEqual(["Row {}"]);
  });

  it("is found in scripts", () => {
    expect(inScript('const lines = [{ name: "loss", color: "--learn" }];')).toEqual(["loss"]);
    expect(inScript('const NAMES = { math: "Math" }; const GATES = ["look back (r)"];')).toEqual(["Math", "look back (r)"]);
    expect(inScript("const said = (n: number) => `step ${n} of ${all}`;")).toEqual(["step {} of {}"]);
    expect(inScript('throw new Error("the file is too short");')).toEqual(["the file is too short"]);
  });

  it("is told from what only a program reads", () => {
    expect(inMarkup('<p class="two words" data-source="recorded"><code>pellucid study</code>{say("label.a")}</p>')).toEqual([]);
    expect(inScript('import { a } from "./two words"; type Kind = "set aside"; if (kind === "set aside") go({ place: "prediction" });')).toEqual([]);
    expect(inScript('const all = ["train", "valid"]; trace.ask("results/summary"); steps["valid loss"];')).toEqual([]);
  });
});
