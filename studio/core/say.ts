// Sentences from templates. A template names what is filled in, and chooses by number as ICU does:
//   "{count, plural, one {# row} other {# rows}} of {name}"

import { MESSAGES } from "./messages.en";
import { LABELS } from "./messages.labels.en";
import { ROOM_MESSAGES } from "./messages.rooms.en";
import { count } from "./numbers";

export type Values = Record<string, string | number>;
export type MessageId = keyof typeof ALL;

const ALL = { ...MESSAGES, ...ROOM_MESSAGES, ...LABELS };

const rules = new Intl.PluralRules("en");
const places = new Intl.PluralRules("en", { type: "ordinal" });

/** The sentence of that id with its values filled in. */
export function say(id: MessageId, values: Values = {}): string {
  return fill(ALL[id], values);
}

/** 2 -> "2nd". */
export function ordinal(n: number): string {
  return say(`ordinal.${places.select(n) as "one" | "two" | "few" | "other"}`, { n });
}

/** Fill in a template. */
export function fill(template: string, values: Values): string {
  let text = "";
  for (let at = 0; at < template.length; ) {
    if (template[at] !== "{") {
      text += template[at++];
      continue;
    }
    const end = closing(template, at);
    text += field(template.slice(at + 1, end), values);
    at = end + 1;
  }
  return text;
}

function field(inside: string, values: Values): string {
  const [name = "", kind = ""] = inside.split(",", 2).map((part) => part.trim());
  const value = values[name];
  if (value === undefined) throw new Error(`nothing to fill in for '${name}'`);
  if (kind !== "plural") return put(value);
  const choices = choicesOf(inside.slice(inside.indexOf(",", inside.indexOf(",") + 1) + 1));
  const chosen = choices.get(`=${value}`) ?? choices.get(rules.select(Number(value))) ?? choices.get("other") ?? "";
  return fill(chosen, values).replaceAll("#", count(Number(value)));
}

/**
 * How a value stands in a sentence: numbers in groups; Hebrew or Arabic words keep to themselves, so
 * that they don't pull the words and numbers beside them along.
 */
export function put(value: string | number): string {
  return typeof value === "number" ? count(value) : apart(value);
}

function apart(text: string): string {
  return /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]/.test(text) ? `\u2068${text}\u2069` : text;
}

function choicesOf(text: string): Map<string, string> {
  const choices = new Map<string, string>();
  for (let at = 0; at < text.length; ) {
    const open = text.indexOf("{", at);
    if (open < 0) break;
    const end = closing(text, open);
    choices.set(text.slice(at, open).trim(), text.slice(open + 1, end));
    at = end + 1;
  }
  return choices;
}

function closing(text: string, open: number): number {
  let depth = 0;
  for (let at = open; at < text.length; at++) {
    if (text[at] === "{") depth++;
    if (text[at] === "}" && --depth === 0) return at;
  }
  throw new Error(`a brace is not closed in '${text}'`);
}
