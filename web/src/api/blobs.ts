// Payloads kept outside the documents: fetched once, by hash (RP 9.2).
import { blobUrl } from "./notebooks";

const RETRY_AFTER_MS = [150, 500];
const RETRY_STATUS = new Set([404, 409, 425, 429]);
const MAX_CACHED = 200;

const texts = new Map<string, Promise<string>>();
const bytes = new Map<string, Promise<ArrayBuffer>>();
const urls = new Map<string, Promise<string>>();

async function fetchBlob(notebookId: string, hash: string): Promise<Response> {
  for (let attempt = 0; ; attempt += 1) {
    const response = await fetch(blobUrl(notebookId, hash), { credentials: "same-origin" });
    if (response.ok) return response;
    const wait = RETRY_AFTER_MS[attempt];
    if (wait === undefined || !(RETRY_STATUS.has(response.status) || response.status >= 500)) {
      throw new Error(`The stored output could not be fetched (${response.status}).`);
    }
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
}

function cached<T>(cache: Map<string, Promise<T>>, key: string, load: () => Promise<T>): Promise<T> {
  const found = cache.get(key);
  if (found) return found;
  const oldest = cache.keys().next().value;
  // Object URLs are in use for as long as the page is open.
  if ((cache as unknown) !== urls && cache.size >= MAX_CACHED && oldest !== undefined) cache.delete(oldest);
  const loading = load();
  cache.set(key, loading);
  loading.catch(() => cache.delete(key));
  return loading;
}

export function blobText(notebookId: string, hash: string): Promise<string> {
  return cached(texts, hash, async () => (await fetchBlob(notebookId, hash)).text());
}

export function blobBytes(notebookId: string, hash: string): Promise<ArrayBuffer> {
  return cached(bytes, hash, async () => (await fetchBlob(notebookId, hash)).arrayBuffer());
}

/** A URL of our own for the bytes; the MIME type comes from the manifest, not from the store. */
export function blobObjectUrl(notebookId: string, hash: string, mime: string): Promise<string> {
  return cached(urls, `${hash} ${mime}`, async () => {
    const bytes = await (await fetchBlob(notebookId, hash)).arrayBuffer();
    return URL.createObjectURL(new Blob([bytes], { type: mime }));
  });
}
