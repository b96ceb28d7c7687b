// What keeps the page small: what is left out of uPlot, short names of styles, and two scripts
// instead of many, which share more of their words.

import { readdirSync } from "node:fs";
import { relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { Plugin } from "vite";

const HERE = fileURLToPath(new URL(".", import.meta.url));

/** uPlot draws lines over plain numbers here: no dates, no legend, no bars, no splines. */
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
  ["uPlot.rangeAsinh = rangeAsinh;", ""],
  ["uPlot.orient   = orient;", ""],
  ["uPlot.fmtDate = fmtDate;", ""],
  ["uPlot.tzDate  = tzDate;", ""],
  ["let paths = uPlot.paths = {\n\t\tpoints,\n\t};", ""],
  ["(paths.linear  = linear);", ""],
  ["(paths.stepped = stepped);", ""],
  ["(paths.bars    = bars);", ""],
  ["(paths.spline  = monotoneCubic);", ""],
];

/** Takes out of uPlot what no curve of the page asks for; its version is pinned in package.json. */
export function leanCurves(): Plugin {
  return {
    name: "lean-curves",
    transform(code, id) {
      if (!id.includes("uPlot.esm.js")) return null;
      for (const [text, instead] of NOT_IN_CURVES) {
        if (code.split(text).length !== 2) this.error(`uPlot has changed: '${text}' is not there once`);
        code = code.replace(text, () => instead);
      }
      return { code: code.replaceAll(/\b(sc|scale|scaleX)\.distr == 4|\bdistr == 4/g, "false"), map: null };
    },
  };
}

/** Two letters a component are enough to keep styles apart; the same at every build. */
export function shortHash(): (css: { filename: string; hash: (text: string) => string; css: string }) => string {
  const names = readdirSync(HERE, { recursive: true, encoding: "utf-8" })
    .filter((name) => name.endsWith(".svelte") && !name.startsWith("node_modules"))
    .sort();
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
