// Writes src/sync/genesis.ts from the frozen seed documents of the test vectors (DOC section 3).
import { readFileSync, writeFileSync } from "node:fs";

const seeds = {
  NOTEBOOK: "notebook_genesis_v5",
  RUNTIME: "runtime_state_genesis_v2",
  COMMS: "comms_doc_genesis_v1",
  COMMENTS: "comments_doc_genesis_v1",
};
const at = (name) => new URL(`../../tests/vectors/${name}.am`, import.meta.url);
const lines = Object.entries(seeds).map(
  ([key, name]) => `export const ${key}_GENESIS =\n  "${readFileSync(at(name)).toString("base64")}";`,
);
writeFileSync(
  new URL("../src/sync/genesis.ts", import.meta.url),
  `// generated: the frozen seed documents, base64 (scripts/genesis.mjs).\n${lines.join("\n")}\n`,
);
