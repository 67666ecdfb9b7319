// How the frames of widgets and of charts are built: documents of their own, which the server hands out on the output
// origin only.
import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  root: here("./src"),
  base: "./",
  publicDir: false,
  plugins: [
    {
      // Every browser that runs the page reads woff2; the other forms of the fonts would only make the server larger.
      name: "one-font-form",
      generateBundle(_options, bundle) {
        for (const file of Object.keys(bundle)) if (/\.(eot|svg|ttf|woff)$/.test(file)) delete bundle[file];
      },
    },
  ],
  resolve: { alias: { "sanitize-html": here("./src/widget-frame/sanitize-html.ts") } },
  build: {
    target: "es2022",
    outDir: here("./dist/frames"),
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 5000,
    rolldownOptions: {
      input: { widget: here("./src/widget-frame/frame.html"), chart: here("./src/chart-frame/frame.html") },
    },
  },
});
