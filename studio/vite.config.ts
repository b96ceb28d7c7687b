import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";
import { lean, scriptOf, plainMessages, shortHash, shortMessages } from "./lean.ts";

// The page is served by `pellucid studio` from its own folder; nothing is inlined, because the
// content security policy allows scripts and styles from files only.
export default defineConfig({
  base: "/",
  plugins: [plainMessages(), svelte({ compilerOptions: { cssHash: shortHash() } }), lean(), shortMessages()],
  build: {
    outDir: "../src/pellucid/interfaces/studio/page",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      output: { codeSplitting: { includeDependenciesRecursively: false, groups: [{ name: scriptOf, debugName: "first view or rooms" }] } },
    },
  },
  test: { include: ["tests/**/*.test.ts"], environment: "node" },
});
