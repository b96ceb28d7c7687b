// The words of the field, each in a sentence or two, with this run's own value.

import type { Manifest } from "./manifest";
import { number } from "./numbers";
import { say } from "./say";

export interface Word {
  id: string;
  name: string;
  says: string;
  here: (manifest: Manifest) => string;
}

export const GLOSSARY: Word[] = [
  {
    id: "step",
    name: say("glossary.step"),
    says: say("glossary.step.says"),
    here: (m) => say("glossary.step.here", { steps: lastStep(m) }),
  },
  {
    id: "batch",
    name: say("glossary.batch"),
    says: say("glossary.batch.says"),
    here: (m) => say("glossary.batch.here", { batch: m.plan?.batch ?? "–" }),
  },
  {
    id: "epoch",
    name: say("glossary.epoch"),
    says: say("glossary.epoch.says"),
    here: (m) => epochs(m),
  },
  {
    id: "weight",
    name: say("glossary.weight"),
    says: say("glossary.weight.says"),
    here: (m) => say("glossary.weight.here", { parameters: m.network?.parameters ?? 0 }),
  },
  {
    id: "activation",
    name: say("glossary.activation"),
    says: say("glossary.activation.says"),
    here: () => "",
  },
  {
    id: "feature",
    name: say("glossary.feature"),
    says: say("glossary.feature.says"),
    here: () => "",
  },
  {
    id: "loss",
    name: say("glossary.loss"),
    says: say("glossary.loss.says"),
    here: (m) => (m.task?.kind === "regress" ? say("glossary.loss.numbers") : say("glossary.loss.shares")),
  },
  {
    id: "gradient",
    name: say("glossary.gradient"),
    says: say("glossary.gradient.says"),
    here: () => "",
  },
  {
    id: "rate",
    name: say("glossary.rate"),
    says: say("glossary.rate.says"),
    here: (m) => say("glossary.rate.here", { rate: number(m.plan?.rate ?? NaN), optimizer: m.plan?.optimizer ?? "–" }),
  },
  {
    id: "overfitting",
    name: say("glossary.overfitting"),
    says: say("glossary.overfitting.says"),
    here: () => "",
  },
  {
    id: "field",
    name: say("glossary.field"),
    says: say("glossary.field.says"),
    here: () => "",
  },
  {
    id: "residual",
    name: say("glossary.residual"),
    says: say("glossary.residual.says"),
    here: (m) => widthOf(m),
  },
  {
    id: "dependence",
    name: say("glossary.dependence"),
    says: say("glossary.dependence.says"),
    here: () => "",
  },
  {
    id: "region",
    name: say("glossary.region"),
    says: say("glossary.region.says"),
    here: () => "",
  },
  {
    id: "test",
    name: say("glossary.test"),
    says: say("glossary.test.says"),
    here: (m) => say("label.rows", { rows: m.rows?.["test"] ?? 0 }),
  },
];

function lastStep(manifest: Manifest): number {
  return manifest.plan?.shortened?.steps ?? manifest.plan?.steps ?? 0;
}

function widthOf(manifest: Manifest): string {
  const name = Object.entries(manifest.plan?.network ?? {}).find(([, family]) => family === "transformer")?.[0];
  const width = name && manifest.plan?.sizes[name]?.width;
  return width ? say("glossary.residual.here", { width }) : "";
}

function epochs(manifest: Manifest): string {
  const folds = (manifest.rows?.["train"] ?? 0) + (manifest.rows?.["valid"] ?? 0);
  return folds ? say("glossary.epoch.here", { examples: folds }) : "";
}
