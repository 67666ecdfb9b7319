// Automerge, loaded when the first notebook opens: its wasm is larger than the rest of the page.
import type * as AutomergeModule from "@automerge/automerge/slim";

export type Automerge = typeof AutomergeModule;

let loading: Promise<Automerge> | undefined;

async function load(): Promise<Automerge> {
  const [api, wasm] = await Promise.all([
    import("@automerge/automerge/slim"),
    import("@automerge/automerge/automerge.wasm?url"),
  ]);
  await api.initializeWasm(wasm.default);
  return api;
}

export function loadAutomerge(): Promise<Automerge> {
  loading ??= load().catch((error: unknown) => {
    loading = undefined;
    throw error;
  });
  return loading;
}

/** An actor id is the UTF-8 of the actor label, in hex (DOC 2.3). */
export function actorOf(label: string): string {
  return Array.from(new TextEncoder().encode(label), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
}
