// Whether a run has a finished model, and if not, why and what can be done; and what runs of older
// versions lack.

import type { Manifest } from "./manifest";

export type Standing = "done" | "learning" | "paused" | "killed" | "failed";

/** Where a run stands. A run that was stopped early by hand is done: it has its model. */
export function standing(manifest: Pick<Manifest, "status" | "alive" | "has">): Standing {
  const { status, alive, has } = manifest;
  if (status === "done" || (status === "interrupted" && has.includes("model"))) return "done";
  if (status === "failed") return "failed";
  if (!alive) return "killed";
  return status === "paused" ? "paused" : "learning";
}

/** What rooms rest on, beside the model. */
export const KEPT = ["answers", "verdict", "reference"] as const;
export type Kept = (typeof KEPT)[number];

/** What this finished run lacks of that, since it was made by an older version or in another way. */
export function lacking(manifest: Pick<Manifest, "status" | "alive" | "has">, of: readonly Kept[]): Kept[] {
  if (standing(manifest) !== "done") return [];
  return of.filter((one) => !manifest.has.includes(one));
}
