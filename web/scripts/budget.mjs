// Checks what opening a notebook loads at first, compressed: the entry, the notebook page and the panel, with
// everything they import. Automerge's wasm, maths and Markdown load when they are needed and are not counted.
import { readFileSync, rmSync } from "node:fs";
import { gzipSync } from "node:zlib";

const LIMIT = 250_000;
const ROOTS = ["index.html", "src/notebook/page.tsx", "src/panel/page.tsx"];
const dist = new URL("../dist/", import.meta.url);
const manifest = JSON.parse(readFileSync(new URL(".vite/manifest.json", dist), "utf8"));
const slim = Object.keys(manifest).filter((key) => key.endsWith("entrypoints/slim.js"));

const files = new Set();
const follow = (key) => {
  const chunk = manifest[key];
  if (chunk === undefined) throw new Error(`${key} is not in the build`);
  if (files.has(chunk.file)) return;
  files.add(chunk.file);
  for (const css of chunk.css ?? []) files.add(css);
  for (const next of chunk.imports ?? []) follow(next);
};
for (const key of [...ROOTS, ...slim]) follow(key);

let total = 0;
for (const file of files) {
  const size = gzipSync(readFileSync(new URL(file, dist)), { level: 9 }).length;
  total += size;
  console.log(`${String(size).padStart(8)}  ${file}`);
}
console.log(`${String(total).padStart(8)}  in all, of ${LIMIT} allowed (gzipped)`);
rmSync(new URL(".vite/", dist), { recursive: true });
if (total > LIMIT) {
  console.error("The page is over its budget.\nHint: load what is not needed at first by import().");
  process.exit(1);
}
