// Checks what the first page view costs: everything index.html loads, compressed, without wasm and maths.
import { readdirSync, readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const LIMIT = 250_000;
const LAZY = /katex|KaTeX|\.wasm$|\.(woff2?|ttf)$/;
const assets = new URL("../dist/assets/", import.meta.url);
let total = 0;
for (const name of readdirSync(assets)) {
  const size = gzipSync(readFileSync(new URL(name, assets)), { level: 9 }).length;
  if (LAZY.test(name)) continue;
  total += size;
  console.log(`${String(size).padStart(8)}  ${name}`);
}
console.log(`${String(total).padStart(8)}  in all, of ${LIMIT} allowed (gzipped, without wasm and maths)`);
if (total > LIMIT) {
  console.error("The page is over its budget.\nHint: load what is not needed at first by import().");
  process.exit(1);
}
