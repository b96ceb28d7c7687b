// Finds texts that a person would read in the sources of the page: text between tags, and strings,
// wherever they stand, but for those that a program reads.

import { parse } from "svelte/compiler";

export interface Text {
  line: number;
  text: string;
}

interface Node {
  type: string;
  start: number;
  [more: string]: unknown;
}

/** Elements whose text is typed as it is: commands, names of keys. */
const TYPED = new Set(["code", "kbd", "pre"]);
/** Attributes, arguments and fields that a person reads or hears: a single word is a text there. */
const SHOWN = new Set(["title", "caption", "label", "alt", "placeholder", "name", "text", "word", "words", "mark", "note", "said", "says", "what", "fix", "head", "aria-label"]);
/** Attributes and fields that only a program reads. */
const UNREAD = new Set([
  "accept", "autocomplete", "class", "color", "d", "data-source", "depth", "dir", "download", "field", "for", "form", "formula", "href", "id", "inputmode", "kind",
  "part", "place", "preserveAspectRatio", "proper", "python", "role", "scope", "size", "source", "src", "text-anchor", "tap", "type", "vector-effect", "viewBox",
]);
/** Functions whose strings only a program reads. */
const ASKING = /^(say|ask|json|bytes|post|path|ifThere|course|includes|has|startsWith|endsWith|replace|querySelector|getElementById|matchMedia|download|tensor|fetch)$/;
/** Components whose `name` is one of a few known ones. */
const NAMED: Readonly<Record<string, readonly string[]>> = { Icon: ["name"], Panel: ["name"], input: ["name"], Drawing: ["size"] };

const isLiteral = (node: unknown) => /^(Literal|TemplateLiteral)$/.test((node as Node).type);
const isWords = (text: string) => /\p{L}{2,}/u.test(text);
/** Two words one after the other, or a single one that is written as a heading is. */
const isSentence = (text: string) => /\p{L}{2,}[,.:;!?…]? +\p{L}/u.test(text) || /^\p{Lu}\p{Ll}{2,}[.!?]?$/u.test(text);
/** Beside a gap one word is enough: `step ${n}`, `${n} rows`. */
const isTemplate = (parts: readonly string[]) =>
  isSentence(parts.join("")) || (parts.length > 1 && parts.some((part) => /(^|\s)[“(]?\p{L}{3,}[”),.:;!?…]*(\s|$)/u.test(part) && /^\s|\s$/.test(part)));

/** All texts of a source file, in the order in which they stand there. */
export function textsOf(source: string, markup: boolean): Text[] {
  const whole = markup ? source : `<script lang="ts">${source}</script>`;
  const tree = parse(whole, { modern: true });
  const found: Text[] = [];
  const seen = new Set<unknown>();

  /** shown: whether a single word is read here. */
  function look(node: unknown, shown: boolean): void {
    if (Array.isArray(node)) return node.forEach((one) => look(one, shown));
    if (!node || typeof node !== "object" || seen.has(node)) return;
    seen.add(node);
    const one = node as Node;
    const within = (inside: unknown, shows = shown) => look(inside, shows);
    const add = (text: string) => found.push({ line: whole.slice(0, one.start).split("\n").length, text: text.trim().replace(/\s+/g, " ") });
    switch (one.type) {
      case "Text":
        if (shown ? isWords(one["data"] as string) : isSentence(one["data"] as string)) add(one["data"] as string);
        return;
      case "Literal":
        if (typeof one["value"] === "string" && (shown ? isWords : isSentence)(one["value"])) add(one["value"]);
        return;
      case "TemplateLiteral": {
        const parts = (one["quasis"] as { value: { cooked: string } }[]).map((part) => part.value.cooked);
        if (shown ? isWords(parts.join(" ")) : isTemplate(parts)) add(parts.join("{}"));
        return within(one["expressions"]);
      }
      case "RegularElement":
      case "Component": {
        const name = one["name"] as string;
        for (const attribute of one["attributes"] as Node[]) {
          const own = attribute["name"] as string | undefined;
          if (attribute.type === "Attribute" && NAMED[name]?.includes(own!)) continue;
          look(attribute, false);
        }
        return TYPED.has(name) ? undefined : within(one["fragment"], true);
      }
      case "Attribute":
        return UNREAD.has(one["name"] as string) || /^(data-|aria-(?!label$))/.test(one["name"] as string) ? undefined : within(one["value"], SHOWN.has(one["name"] as string));
      case "Fragment":
        return within(one["nodes"], true);
      case "Property": {
        const key = one["key"] as { name?: string; value?: string };
        const name = String(key.name ?? key.value);
        return UNREAD.has(name) ? undefined : within(one["value"], SHOWN.has(name));
      }
      case "CallExpression": {
        const called = one["callee"] as { name?: string; property?: { name?: string } };
        within(one["callee"]);
        return ASKING.test(called.property?.name ?? called.name ?? "") ? within((one["arguments"] as Node[]).filter((given) => !isLiteral(given)), false) : within(one["arguments"], called.name === "tableOf");
      }
      // What is compared, and what is between square brackets, is a key.
      case "BinaryExpression":
        return within([one["left"], one["right"]].filter((side) => one["operator"] === "+" || !isLiteral(side)), one["operator"] === "+" && shown);
      case "ConditionalExpression":
        within(one["test"], false);
        return within([one["consequent"], one["alternate"]]);
      case "MemberExpression":
        within(one["object"], false);
        return one["computed"] && !isLiteral(one["property"]) ? within(one["property"], false) : undefined;
      case "SwitchCase":
        return within(one["consequent"]);
      case "ImportDeclaration":
      case "ImportExpression":
      case "ExportNamedDeclaration":
        return within(one["declaration"], false);
      case "StyleSheet":
        return;
      default:
        if (/^TS(TypeAlias|Interface|TypeAnnotation|TypeParameter|Literal)/.test(one.type)) return;
        for (const [key, inside] of Object.entries(one)) {
          if (!["parent", "metadata", "loc", "leadingComments", "trailingComments", "comments", "css", "typeAnnotation"].includes(key)) within(inside);
        }
    }
  }

  for (const part of [tree.module, tree.instance]) look(part?.content, false);
  look(tree.fragment, true);
  return found;
}
