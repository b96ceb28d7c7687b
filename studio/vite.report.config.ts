import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vite";
import { lean, plainMessages, shortHash, shortMessages } from "./lean.ts";

// One script and one style sheet, which `pellucid report` writes into its page.
export default defineConfig({
  plugins: [plainMessages(), svelte({ compilerOptions: { cssHash: shortHash() } }), lean(), shortMessages()],
  define: { "process.env.NODE_ENV": '"production"' },
  publicDir: false,
  build: {
    outDir: "../src/pellucid/interfaces/studio/page",
    emptyOutDir: false,
    target: "es2022",
    lib: {
      entry: "report.ts",
      formats: ["iife"],
      name: "pellucid",
      fileName: () => "report.js",
      cssFileName: "report",
    },
  },
});
