// Automerge for the tests: the same slim entry as the page, its wasm read from the package.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import * as api from "@automerge/automerge/slim";

const wasm = createRequire(import.meta.url).resolve("@automerge/automerge/automerge.wasm");

export async function automerge() {
  if (!api.isWasmInitialized()) await api.initializeWasm(readFileSync(wasm));
  return api;
}

export function vector(name: string): Uint8Array {
  return readFileSync(new URL(`../../../tests/vectors/${name}`, import.meta.url));
}

export function jsonVector(name: string): unknown {
  return JSON.parse(new TextDecoder().decode(vector(name)));
}

/** The numbers that the last change put into a document, each with its kind. */
export function numbersIn(module: typeof api, doc: api.Doc<unknown>): [number, string][] {
  const last = module.getLastLocalChange(doc);
  const ops = last === undefined ? [] : module.decodeChange(last).ops;
  return ops.flatMap(({ value, datatype }) =>
    typeof value === "number" ? [[value, datatype ?? ""] as [number, string]] : [],
  );
}

/** A small seeded generator, so that a failing run can be repeated. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}
