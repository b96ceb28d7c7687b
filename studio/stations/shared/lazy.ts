// Rooms are fetched when they are first opened: the first view stays light.

import type { Component } from "svelte";
import Fetched from "./Fetched.svelte";

export function lazy(load: () => Promise<{ default: Component }>): Component {
  return (internals) => Fetched(internals, { load });
}
