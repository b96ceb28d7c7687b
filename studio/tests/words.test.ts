// What a person reads comes from the messages, so that it can be said in another language.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "svelte/compiler";
import { describe, expect, it } from "vitest";
import { LABELS } from "../core/messages.labels.en";

const ROOT = join(import.meta.dirname, "..");
const SAID = new Set(["title", "caption", "aria-label", "alt", "placeholder", "label", "words", "what"]);
const UNSAID = new Set(["code", "kbd", "pre", "style", "script"]);
/** Parts of a sentence that goes on around an element: these are still where they are shown. */
const JOINING = /^(and|or|of|is|at|to|from|over|float)$|^[,.;:)·]/;

interface Node {
  type: string;
  name?: string;
  data?: string;
  nodes?: Node[];
  attributes?: { type: string; name: string; value: true | Node | Node[] }[];
  [more: string]: unknown;
}

const files = ["stations", "ui"].flatMap((folder) =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf-8" }).filter((name) => name.endsWith(".svelte")).map((name) => join(folder, name)),
);

const isWords = (text: string) => /[A-Za-z]{2,}/.test(text) && !JOINING.test(text.trim());

/** Words that stand in a component by themselves, with nothing to fill in. */
function wordsIn(node: unknown, found: string[] = []): string[] {
  if (Array.isArray(node)) node.forEach((one) => wordsIn(one, found));
  if (!node || typeof node !== "object" || Array.isArray(node)) return found;
  const one = node as Node;
  if (one.type === "RegularElement" && UNSAID.has(one.name ?? "")) return found;
  if (one.type === "Fragment") {
    const runs: Node[][] = [[]];
    for (const kid of one.nodes ?? []) {
      if (kid.type === "Text" || kid.type === "ExpressionTag") runs.at(-1)!.push(kid);
      else runs.push([]);
    }
    const plain = runs.filter((run) => run.every((kid) => kid.type === "Text"));
    found.push(...plain.flat().map((kid) => kid.data!.trim()).filter(isWords));
  }
  for (const { type, name, value } of one.attributes ?? []) {
    if (type !== "Attribute" || !SAID.has(name) || value === true) continue;
    const parts = [value].flat();
    if (parts.length === 1 && parts[0]!.type === "Text" && isWords(parts[0]!.data!)) found.push(parts[0]!.data!);
  }
  for (const [key, inside] of Object.entries(one)) {
    if (!["attributes", "expression", "metadata", "parent"].includes(key)) wordsIn(inside, found);
  }
  return found;
}

describe("words on the page", () => {
  it("come from the messages", () => {
    const outside = files.flatMap((name) =>
      wordsIn(parse(readFileSync(join(ROOT, name), "utf-8"), { modern: true }).fragment).map((words) => `${name}: ${words}`),
    );
    expect(outside).toEqual([]);
  }, 60_000);

  it("are all in use", () => {
    const texts = files.map((name) => readFileSync(join(ROOT, name), "utf-8")).join("\n");
    expect(Object.keys(LABELS).filter((id) => !texts.includes(`"${id}"`))).toEqual([]);
  });
});
