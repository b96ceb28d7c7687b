// The pages of a run: one component each, one line each.

import type { Component } from "svelte";
import type { Manifest } from "../core/manifest";
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
  data: { title: "Data", component: Data },
  layers: { title: "Layers", component: Layers },
  features: { title: "Features", component: Features },
  prediction: { title: "Prediction", component: Prediction },
  loss: { title: "Loss", component: Loss },
  blame: { title: "Blame", component: Blame },
  update: { title: "Update", component: Update },
  loop: { title: "Loop", component: Loop },
  check: { title: "Check", component: Check },
  explain: { title: "Explain", component: Explain },
  try: { title: "Try it", component: lazy(() => import("./Try.svelte")) },
  iteration: { title: "One iteration", component: lazy(() => import("./Iteration.svelte")) },
  results: { title: "Results", component: lazy(() => import("./Results.svelte")) },
  compare: { title: "Compare", component: lazy(() => import("./Compare.svelte")) },
  findings: { title: "Findings", component: lazy(() => import("./Findings.svelte")) },
  diagnostics: { title: "Diagnostics", component: lazy(() => import("./Diagnostics.svelte")) },
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
