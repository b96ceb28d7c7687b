// Light or dark: as the system says, until the reader chooses. Where the system sets the colors
// (high contrast), it says that too.

import { remember, remembered } from "./remembered";
import { studio } from "./studio.svelte";

const dark = matchMedia("(prefers-color-scheme: dark)");
const forced = matchMedia("(forced-colors: active)");

export function followTheme(): () => void {
  apply();
  for (const query of [dark, forced]) query.addEventListener("change", apply);
  return () => {
    for (const query of [dark, forced]) query.removeEventListener("change", apply);
  };
}

export function switchTheme(): void {
  const wanted = studio.theme === "dark" ? "light" : "dark";
  remember("theme", wanted === (dark.matches ? "dark" : "light") ? null : wanted);
  apply();
}

function apply(): void {
  const chosen = forced.matches ? null : remembered("theme");
  studio.theme = chosen === "light" || chosen === "dark" ? chosen : dark.matches ? "dark" : "light";
  document.documentElement.dataset["theme"] = studio.theme;
}
