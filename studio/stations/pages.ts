// The pages of a run: one component each, one line each.

import type { Component } from "svelte";
import type { Manifest } from "../core/manifest";
import { say } from "../core/say";
import { ROOMS, type Depth, type Place } from "../core/state";
import { toldByFindings } from "../core/use";
import Blame from "./Blame.svelte";
import Check from "./Check.svelte";
import Data from "./Data.svelte";
import Explain from "./Explain.svelte";
import Features from "./Features.svelte";
import Layers from "./Layers.svelte";
import Loop from "./Loop.svelte";
import Loss from "./Loss.svelte";
import Prediction from "./Prediction.svelte";
import Update from "./Update.svelte";
import { lazy } from "./shared/lazy";

export interface Page {
  title: string;
  component: Component;
}

export const PAGES: Record<Place, Page> = {
  data: { title: say("label.data.data"), component: Data },
  layers: { title: say("label.layers.layers"), component: Layers },
  features: { title: say("label.features.features"), component: Features },
  prediction: { title: say("label.prediction.prediction"), component: Prediction },
  loss: { title: say("label.loss.loss"), component: Loss },
  blame: { title: say("label.blame.blame"), component: Blame },
  update: { title: say("label.update.update"), component: Update },
  loop: { title: say("label.loop.loop"), component: Loop },
  check: { title: say("label.check.check"), component: Check },
  explain: { title: say("label.explain.explain"), component: Explain },
  try: { title: say("label.try.try_it"), component: lazy(() => import("./Try.svelte")) },
  iteration: { title: say("label.iteration.one_iteration"), component: lazy(() => import("./Iteration.svelte")) },
  results: { title: say("label.results.results"), component: lazy(() => import("./Results.svelte")) },
  compare: { title: say("label.compare.compare"), component: lazy(() => import("./Compare.svelte")) },
  findings: { title: say("label.findings.findings"), component: lazy(() => import("./Findings.svelte")) },
  diagnostics: { title: say("label.diagnostics.diagnostics"), component: lazy(() => import("./Diagnostics.svelte")) },
};

const FOUND = lazy(() => import("./use/Found.svelte"));
const ASK = lazy(() => import("./use/Ask.svelte"));

/** What shows a place of a run; a use tells its answers by its findings. */
export function pageOf(manifest: Manifest | null, place: Place): Component {
  if (manifest?.use && place === "try") return ASK;
  return toldByFindings(manifest, place) ? FOUND : PAGES[place].component;
}

/** Below the chapters; diagnostics only where somebody asks for numbers. */
export function shownRooms(depth: Depth): Place[] {
  return ROOMS.filter((room) => room !== "diagnostics" || depth !== "story");
}
