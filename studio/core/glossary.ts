// The words of the field, each in a sentence or two, with this run's own value.

import type { Manifest } from "./manifest";
import { count, number } from "./numbers";

export interface Word {
  id: string;
  name: string;
  says: string;
  here: (manifest: Manifest) => string;
}

export const GLOSSARY: Word[] = [
  {
    id: "step",
    name: "step, iteration",
    says: "One change of all weights, after one batch.",
    here: (m) => `${count(lastStep(m))} steps`,
  },
  {
    id: "batch",
    name: "batch",
    says: "The examples that are looked at together before the weights change.",
    here: (m) => `${m.plan?.batch ?? "–"} examples`,
  },
  {
    id: "epoch",
    name: "epoch",
    says: "One pass over all examples to learn from. It has many steps.",
    here: (m) => epochs(m),
  },
  {
    id: "weight",
    name: "weight, parameter",
    says: "A number inside the network that learning changes.",
    here: (m) => `${count(m.network?.parameters ?? 0)} of them`,
  },
  {
    id: "activation",
    name: "activation",
    says: "A number that a layer makes of this example. It changes with every example.",
    here: () => "",
  },
  {
    id: "feature",
    name: "feature, unit",
    says: "One kind of number a layer makes everywhere: an edge here, a word there. What it means has to be measured.",
    here: () => "",
  },
  {
    id: "loss",
    name: "loss",
    says: "How wrong an answer is, in one number. Learning makes it smaller.",
    here: (m) => (m.task?.kind === "regress" ? "the squared error, in usual spreads" : "minus the logarithm of what the truth got"),
  },
  {
    id: "gradient",
    name: "gradient, blame",
    says: "How much the loss would change if a number grew a little. We call it blame.",
    here: () => "",
  },
  {
    id: "rate",
    name: "learning rate",
    says: "How large the changes of a step may be.",
    here: (m) => `${number(m.plan?.rate ?? NaN)} at most, with ${m.plan?.optimizer ?? "–"}`,
  },
  {
    id: "overfitting",
    name: "overfitting",
    says: "Learning examples by heart: better on them, not on new ones.",
    here: () => "",
  },
  {
    id: "field",
    name: "receptive field",
    says: "The part of the input that a unit's number is made of. It is small in early layers and grows from layer to layer.",
    here: () => "",
  },
  {
    id: "residual",
    name: "residual stream",
    says: "What stands at one position of a Transformer. Every part adds to it; nothing is replaced.",
    here: (m) => widthOf(m),
  },
  {
    id: "dependence",
    name: "partial dependence",
    says: "How the answer follows one column, on the mean over rows, while all other columns stay as they are.",
    here: () => "",
  },
  {
    id: "region",
    name: "decision region",
    says: "The part of a plane of inputs where the answer is the same, or a unit is on.",
    here: () => "",
  },
  {
    id: "test",
    name: "test rows",
    says: "Rows that nothing is learned from or chosen on. They say how good it will be.",
    here: (m) => `${count(m.rows?.["test"] ?? 0)} rows`,
  },
];

function lastStep(manifest: Manifest): number {
  return manifest.plan?.shortened?.steps ?? manifest.plan?.steps ?? 0;
}

function widthOf(manifest: Manifest): string {
  const name = Object.entries(manifest.plan?.network ?? {}).find(([, family]) => family === "transformer")?.[0];
  const width = name && manifest.plan?.sizes[name]?.width;
  return width ? `${count(width)} numbers at each position` : "";
}

function epochs(manifest: Manifest): string {
  const folds = (manifest.rows?.["train"] ?? 0) + (manifest.rows?.["valid"] ?? 0);
  return folds ? `${count(folds)} examples to learn from and to check with` : "";
}
