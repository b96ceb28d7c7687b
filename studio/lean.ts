// What keeps the page small: what is left out of libraries, short names of styles, and two
// scripts instead of many, which share more of their words.

import { readdirSync, readFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import type { Plugin } from "vite";

const HERE = fileURLToPath(new URL(".", import.meta.url));

/** uPlot draws lines over plain numbers here: no dates, no legend, no bars, no splines, no zoom. */
const NOT_IN_CURVES: [text: string, instead: string][] = [
  ["const mode = self.mode;", "const mode = 1;"],
  ["const showLegend = legend.show;", "const showLegend = false;"],
  ["let isTime = mode == 1 && scales[s.scale].time;", "const isTime = false;"],
  ["let isTime = sc.time;\n\n\t\t\taxis.size", "const isTime = false;\n\n\t\t\taxis.size"],
  ["const _timeAxisSplits = (ms == 1 ? timeAxisSplitsMs(_tzDate) : timeAxisSplitsS(_tzDate));", ""],
  ["const _timeAxisVals   = timeAxisVals(_tzDate, timeAxisStamps((ms == 1 ? _timeAxisStampsMs : _timeAxisStampsS), _fmtDate));", ""],
  ["const _timeSeriesVal  = timeSeriesVal(_tzDate, timeSeriesStamp(_timeSeriesStamp, _fmtDate));", ""],
  ["const _fmtDate = (opts.fmtDate || fmtDate);", ""],
  ["const [ timeIncrsMs, _timeAxisStampsMs, timeAxisSplitsMs ] = genTimeStuffs(1);", ""],
  ["const [ timeIncrsS,  _timeAxisStampsS,  timeAxisSplitsS  ] = genTimeStuffs(1e-3);", ""],
  ["const cursorFocus = focus.prox >= 0;", "const cursorFocus = false;"],
  // No part of a curve is chosen by dragging, none is zoomed, and none follows another's pointer.
  ["didDrag && drag.click(self, e);", ""],
  ["\t\tdragging = true;", "\t\treturn;"],
  ["if (select.show && dragging) {", "if (false) {"],
  ["\t\tif (dragging) {", "\t\tif (false) {"],
  ["self.setSelect = setSelect;", ""],
  ["events.mouseup = mouseUp;", ""],
  ["events.dblclick = dblClick;", ""],
  ["onMouse(dblclick, over, dblClick);", ""],
  ["const sync = _sync(syncKey);", "const sync = { sub() {}, unsub() {} };"],
  ["function pubSync(type, src, x, y, w, h, i) {", "function pubSync() {}\n\tfunction unused(type, src, x, y, w, h, i) {"],
  ["uPlot.sync = _sync;", ""],
  [": sc.distr == 3 && sc.log == 2 ? log2AxisValsFilt", ""],
  ["const _tzDate  = (opts.tzDate || (ts => new Date(round(ts / ms))));", ""],
  ["self.setSeries = setSeries;", ""],
  ["self.addSeries = addSeries;", ""],
  ["self.delSeries = delSeries;", ""],
  ["self.addBand = addBand;", ""],
  ["self.setBand = setBand;", ""],
  ["self.delBand = delBand;", ""],
  ["self.setLegend = setLegend;", ""],
  ["uPlot.rangeAsinh = rangeAsinh;", ""],
  ["uPlot.orient   = orient;", ""],
  ["uPlot.fmtDate = fmtDate;", ""],
  ["uPlot.tzDate  = tzDate;", ""],
  ["let paths = uPlot.paths = {\n\t\tpoints,\n\t};", ""],
  ["(paths.linear  = linear);", ""],
  ["(paths.stepped = stepped);", ""],
  ["(paths.bars    = bars);", ""],
  ["(paths.spline  = monotoneCubic);", ""],
  ["\t\t\tbezierCurveToH,\n\t\t)", "\t\t)"],
  ["\t\t\tbezierCurveToV,\n\t\t)", "\t\t)"],
  ["const days3 = days.map(slice3);", "const days3 = days;"],
  ["const months3 = months.map(slice3);", "const months3 = months;"],
  ["const localTz = new Intl.DateTimeFormat().resolvedOptions().timeZone;", "const localTz = '';"],
  ["const mode = u.mode;", "const mode = 1;"],
  ["let mode = self.mode;", "const mode = 1;"],
  // No band is filled between two lines.
  ["let bands = ifNull(self.bands, EMPTY_ARR);\n\n\tfor", "return [0, 0];\n\tlet bands;\n\tfor"],
  ["flags != 0 && bands.forEach((b, bi) => {", "false && bands.forEach((b, bi) => {"],
  ["(self.legend = assign({}, legendOpts, opts.legend))", "(self.legend = {})"],
  ["\t\tmarkers.width  = fnOrSelf(markers.width);\n\t\tmarkers.dash   = fnOrSelf(markers.dash);\n\t\tmarkers.stroke = fnOrSelf(markers.stroke);\n\t\tmarkers.fill   = fnOrSelf(markers.fill);\n", ""],
  ["if (legend.live) {\n\t\tconst getMultiVals", "if (false) {\n\t\tconst getMultiVals"],
  // No pointer of another curve is followed, no axis has a name, and no part is chosen.
  ["\t\tif (e != null) {\n\t\t\t_l = e.clientX", "\t\tif (true) {\n\t\t\t_l = e.clientX"],
  ["\t\t\t\tif (syncKey != null) {", "\t\t\t\tif (false) {"],
  ["let labelSize = axis.label != null ? axis.labelSize : 0;", "let labelSize = 0;"],
  ["\t\t\tif (axis.label != null) {", "\t\t\tif (false) {"],
  ["if (strokePath instanceof Map) {", "if (false) {"],
  ["if (fillPath instanceof Map) {", "if (false) {"],
  ["let _parts = val.indexOf(\"\\n\") == -1 ? [val] : val.split(/\\n/gm);", "let _parts = [val];"],
  ["const selectDiv = select.show ? placeDiv(SELECT, select.over ? over : under) : null;", "const selectDiv = null;"],
  ["\t\tif (select.show) {\n", "\t\tif (false) {\n"],
  ["if (select.show && !shouldSetSelect && select.left", "if (false && select.left"],
  ["if (select.show && shouldSetSelect) {", "if (false) {"],
  ["if (scaleOpts.from != null) {", "if (false) {"],
  ["if (wsc.from != null) {", "if (false) {"],
  ["if (pendScales[k] == null && sc.from != null", "if (false"],
];

/** Scales are plain or logarithmic, and the first one lies across. */
const OTHER_SCALES = /\b(?:(?:sc|scale|scaleX)\.distr|distr|xScaleDistr) == (?:2|4|100)\b/g;
const ACROSS = /\b(?:scaleX|sx)\.ori == ([01])\b/g;

/** No server writes this page, so there is no markup that Svelte would have to take over (hydration). */
const NOT_IN_SVELTE: [text: string, instead: string][] = [
  ["export let hydrating = false;", "export const hydrating = false;"],
  ["export function set_hydrating(value) {\n\thydrating = value;\n}", "export function set_hydrating() {}"],
  ["export function reset(node) {\n\tif (!hydrating) return;", "export function reset() {}\nfunction unused(node) {"],
  ["export function next(count = 1) {", "export function next() {}\nfunction unused_too(count = 1) {"],
];

/** Takes out of libraries what the page never asks for; their versions are pinned in package.json. */
export function lean(): Plugin {
  return {
    name: "lean",
    transform(code, id) {
      const curves = id.endsWith("/uPlot.esm.js");
      const lists = curves ? NOT_IN_CURVES : id.endsWith("/client/dom/hydration.js") ? NOT_IN_SVELTE : null;
      if (!lists) return null;
      for (const [text, instead] of lists) {
        if (code.split(text).length !== 2) this.error(`the library has changed: '${text}' is not there once`);
        code = code.replace(text, () => instead);
      }
      return { code: curves ? code.replaceAll(OTHER_SCALES, "false").replaceAll(ACROSS, (_, way) => String(way === "0")) : code, map: null };
    },
  };
}

/** One line of a file of messages: `  "id": "text",`. */
const MESSAGE = /^ {2}"([\w.]+)": ("(?:[^"\\]|\\.)*"),\n/gm;
/** A message that is said as it is, with nothing to fill in. */
const SAID = /\bsay\((["'])([\w.]+)\1\)/g;
/** The same as the whole of an attribute, or between tags. */
const MARKED = /([^$])\{say\((["'])([\w.]+)\2\)\}/g;
/** Any other; its end has to be looked for. */
const CALLED = /\bsay\(/g;
/** A gap, and what a template that chooses by number has. */
const GAP = /\{(\w+)\}/g;
const CHOICE = /, plural,/;

function escaped(text: string): string {
  const signs: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
  return text.replace(/[&<>"]/g, (sign) => signs[sign]!);
}

/**
 * Rewrites the page's own sources in a built page, from what is gathered once before: `gather` reads
 * all sources, `write` gives what one of them becomes.
 */
function rewriting(name: string, enforce: "pre" | "post", gather: () => void, write: (code: string, id: string) => string): Plugin {
  return {
    name,
    apply: "build",
    enforce,
    buildStart: gather,
    transform(code, id) {
      const written = id.includes("node_modules") ? code : write(code, id);
      return written === code ? null : { code: written, map: null };
    },
  };
}

/**
 * What is said at one place needs no looking up: a built page has the text itself where it is said,
 * with its gaps filled, and not in its list of messages, unless somebody chooses among several there.
 */
export function plainMessages(): Plugin {
  const texts = new Map<string, string>();
  return rewriting(
    "plain-messages",
    "pre",
    () => {
      const all = sources().map((name) => [name, readFileSync(join(HERE, name), "utf-8")] as const);
      for (const [name, text] of all) {
        if (isMessages(name)) for (const [, id, said] of text.matchAll(MESSAGE)) if (!CHOICE.test(said!)) texts.set(id!, JSON.parse(said!) as string);
      }
      const others = all.filter(([name]) => !isMessages(name)).map(([, text]) => filled(text, texts).replace(SAID, "")).join("\n");
      for (const id of texts.keys()) if (new RegExp(`["'\`]${id.replaceAll(".", "\\.")}["'\`]`).test(others)) texts.delete(id);
    },
    (code, id) =>
      isMessages(id)
        ? code.replace(MESSAGE, (line, name: string) => (texts.has(name) && !togetherFrom(name) ? "" : line))
        : withPut(filled(code, texts))
            .replace(MARKED, (call, before: string, _, name: string) => {
              const said = texts.get(name);
              if (said === undefined) return call;
              return before === "=" ? `="${escaped(said)}"` : before + escaped(said);
            })
            .replace(SAID, (call, _, name: string) => (texts.has(name) ? JSON.stringify(texts.get(name)) : call)),
  );
}

/** say("step", { step: n }) -> `step ${put_(n)}`, say(one ? "a" : "b") -> one ? "A" : "B", wherever the texts are known. */
function filled(code: string, texts: ReadonlyMap<string, string>): string {
  let written = "";
  let from = 0;
  for (const { index } of code.matchAll(CALLED)) {
    const call = index < from ? null : callAt(code, index, texts);
    if (!call) continue;
    written += code.slice(from, index) + call.said;
    from = call.end;
  }
  return written + code.slice(from);
}

/** What fills gaps comes from where say does. */
function withPut(code: string): string {
  if (!code.includes("put_(")) return code;
  const written = code.replace(/^(\s*import \{.*\bsay\b)(.* from "[./\w]*\/say";)$/m, "$1, put as put_$2");
  if (written === code) throw new Error("say is not imported from core/say");
  return written;
}

/** What to write instead of the call that begins there, and where that ends; null where it stays. */
function callAt(code: string, at: number, texts: ReadonlyMap<string, string>): { end: number; said: string } | null {
  const file = ts.createSourceFile("call.ts", code.slice(at, at + 2000), ts.ScriptTarget.Latest);
  let call: ts.CallExpression | null = null;
  const find = (node: ts.Node): void => {
    if (call || node.getStart(file) !== 0) return;
    if (ts.isCallExpression(node) && ts.isIdentifier(node.expression)) call = node;
    else ts.forEachChild(node, find);
  };
  ts.forEachChild(file, find);
  const [chosen, given] = (call as ts.CallExpression | null)?.arguments ?? [];
  // What is said as it is can become an attribute or a text of the markup: that is done later.
  if (!chosen || (!given && ts.isStringLiteral(chosen))) return null;
  const values = valuesOf(given, file);
  const said = values && saidBy(chosen, values, texts, file);
  return said ? { end: at + call!.end, said: ts.isConditionalExpression(chosen) ? `(${said})` : said } : null;
}

/** What fills the gaps, by their names; null where that can't be seen here. */
function valuesOf(given: ts.Expression | undefined, file: ts.SourceFile): Map<string, string> | null {
  const values = new Map<string, string>();
  if (given && !ts.isObjectLiteralExpression(given)) return null;
  for (const one of given?.properties ?? []) {
    if (ts.isShorthandPropertyAssignment(one)) values.set(one.name.text, one.name.text);
    else if (ts.isPropertyAssignment(one) && ts.isIdentifier(one.name)) values.set(one.name.text, one.initializer.getText(file));
    else return null;
  }
  return values;
}

/** The text of a message, or a choice among texts; null where one of them is not known. */
function saidBy(chosen: ts.Expression, values: ReadonlyMap<string, string>, texts: ReadonlyMap<string, string>, file: ts.SourceFile): string | null {
  if (ts.isConditionalExpression(chosen)) {
    const [one, other] = [chosen.whenTrue, chosen.whenFalse].map((side) => saidBy(side, values, texts, file));
    return one && other ? `${filled(chosen.condition.getText(file), texts)} ? ${one} : ${other}` : null;
  }
  const text = ts.isStringLiteral(chosen) ? texts.get(chosen.text) : undefined;
  if (text === undefined || [...text.matchAll(GAP)].some(([, gap]) => !values.has(gap!))) return null;
  return `\`${text.replace(/[\\`$]/g, "\\$&").replace(GAP, (_, gap: string) => `\${put_(${filled(values.get(gap)!, texts)})}`)}\``;
}

const isMessages = (name: string) => /core.messages\.[\w.]+\.ts$/.test(name);

/** Whether a name may be put together from parts, say(`older.${one}`). */
function togetherFrom(name: string): boolean {
  return starts().some((start) => name.startsWith(start));
}

let known: string[] | null = null;
function starts(): string[] {
  known ??= sources().flatMap((name) => [...readFileSync(join(HERE, name), "utf-8").matchAll(/say\(\s*`([\w.]+)\$\{/g)].map((found) => found[1]!));
  return known;
}

/**
 * Names of messages are for people; a built page calls them by numbers. Those that are put together
 * from parts, say(`older.${one}`), keep their names.
 */
export function shortMessages(): Plugin {
  const codes = new Map<string, string>();
  return rewriting(
    "short-messages",
    "post",
    () => {
      for (const name of sources().filter(isMessages)) {
        for (const [, id] of readFileSync(join(HERE, name), "utf-8").matchAll(/^ {2}"([\w.]+)":/gm)) {
          if (!togetherFrom(id!)) codes.set(id!, codes.size.toString(36));
        }
      }
    },
    (code) => code.replaceAll(/(["'`])(\w+(?:\.\w+)+)\1/g, (text, _, name: string) => (codes.has(name) ? `"${codes.get(name)}"` : text)),
  );
}

/** Every source file of the page, in one order. */
function sources(): string[] {
  return ["core", "stations", "ui"].flatMap((folder) =>
    readdirSync(join(HERE, folder), { recursive: true, encoding: "utf-8" }).filter((name) => /\.(ts|svelte)$/.test(name)).map((name) => join(folder, name)).sort(),
  );
}

/** Two letters a component are enough to keep styles apart; the same at every build. */
export function shortHash(): (css: { filename: string; hash: (text: string) => string; css: string }) => string {
  const names = sources().filter((name) => name.endsWith(".svelte"));
  return ({ filename, css, hash }) => {
    const place = names.indexOf(relative(HERE, resolve(filename)));
    return place < 0 ? `s-${hash(css)}` : `s${place.toString(36)}`;
  };
}

interface Known {
  getModuleInfo(id: string): { isEntry: boolean; importers: readonly string[] } | null;
}

/** Two scripts: what the first view may need, and the rooms, fetched when the first one is opened. */
export function scriptOf(id: string, known: Known): string {
  const seen = new Set([id]);
  for (const one of seen) {
    const info = known.getModuleInfo(one);
    if (!info || info.isEntry) return "studio";
    for (const importer of info.importers) seen.add(importer);
  }
  return "rooms";
}
