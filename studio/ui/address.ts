// The address with which the page is entered.

import { readHash } from "../core/state";
import { studio } from "./studio.svelte";

/** `/r/digits.run` is the same as `/#/digits.run`; the view follows from what stands behind "#". */
export function enter(): void {
  const named = /^\/r\/([^/]+)\/?$/.exec(location.pathname);
  if (named) history.replaceState(null, "", `/${location.hash || `#/${named[1]}/prediction`}`);
  studio.view = readHash(location.hash);
}
