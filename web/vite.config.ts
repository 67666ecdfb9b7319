// How the page is built: one entry, every asset from our own origin; and beside it the document of output frames.
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { outputFrame } from "./output-frame.config.ts";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  plugins: [outputFrame()],
  resolve: {
    alias: [
      // CodeMirror's styles go into adopted style sheets, so that the content policy needs no inline styles.
      { find: /^style-mod$/, replacement: here("./src/ui/style-mod.ts") },
      { find: /^style-mod-original$/, replacement: here("./node_modules/style-mod/src/style-mod.js") },
    ],
  },
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    target: "es2022",
    assetsInlineLimit: 0,
    manifest: true,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1000,
  },
  test: {
    environment: "node",
    testTimeout: 60_000,
    include: ["tests/**/*.test.{ts,tsx}"],
    server: { deps: { inline: [/@codemirror/] } },
  },
});
