// The report's second half. What prints and what needs no script stands in the page already; an
// address that begins with "#/" shows the run as the studio does, any other one the written report.

import { mount } from "svelte";
import App from "./ui/App.svelte";
import { enter } from "./ui/address";
import "./ui/style.css";

const [written, watched] = ["written", "studio"].map((id) => document.getElementById(id)!);
const [own, studios] = ["written-style", "studio-style"].map((id) => document.getElementById(id) as HTMLStyleElement);
let mounted = false;

function show(): void {
  const watching = /^#\/./.test(location.hash);
  written!.hidden = watching;
  watched!.hidden = !watching;
  // On paper it is always the written report.
  own!.media = watching ? "print" : "all";
  studios!.media = watching ? "screen" : "not all";
  if (watching && !mounted) {
    mounted = true;
    enter();
    mount(App, { target: watched! });
  }
}

for (const link of document.querySelectorAll<HTMLElement>(".watch")) link.hidden = false;
addEventListener("hashchange", show);
addEventListener("popstate", show);
show();
