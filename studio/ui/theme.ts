// Light or dark: as the system says, until the reader chooses.

import { remember, remembered } from "./remembered";
import { studio } from "./studio.svelte";

const dark = matchMedia("(prefers-color-scheme: dark)");

export function followTheme(): () => void {
  apply();
  dark.addEventListener("change", apply);
  return () => dark.removeEventListener("change", apply);
}

export function switchTheme(): void {
  const wanted = studio.theme === "dark" ? "light" : "dark";
  remember("theme", wanted === (dark.matches ? "dark" : "light") ? null : wanted);
  apply();
}

function apply(): void {
  const chosen = remembered("theme");
  studio.theme = chosen === "light" || chosen === "dark" ? chosen : dark.matches ? "dark" : "light";
  document.documentElement.dataset["theme"] = studio.theme;
}
