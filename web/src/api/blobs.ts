// Payloads kept outside the documents: fetched once, by hash (RP 9.2).
import { BlobBatches } from "./blob-batch";
import { blobsUrl } from "./notebooks";
import { type Lease, ObjectUrls } from "./object-urls";

const RETRY_AFTER_MS = [150, 500];
const RETRY_STATUS = new Set([404, 409, 425, 429]);
/** So many texts, and so many buffers, are kept at hand at most, and so many bytes of either. */
const MAX_CACHED = 200;
const MAX_CACHED_BYTES = 64 * 1024 * 1024;

interface Kept<T> {
  value: Promise<T>;
  size: number;
}

const texts = new Map<string, Kept<string>>();
const bytes = new Map<string, Kept<ArrayBuffer>>();
const urls = new ObjectUrls();

/** Sends a request, and again where that may help; `final` are answers that are taken beside success. */
async function send(url: string, init: RequestInit, final: readonly number[]): Promise<Response> {
  for (let attempt = 0; ; attempt += 1) {
    const response = await fetch(url, { ...init, credentials: "same-origin" });
    if (response.ok || final.includes(response.status)) return response;
    const wait = RETRY_AFTER_MS[attempt];
    if (wait === undefined || !(RETRY_STATUS.has(response.status) || response.status >= 500)) {
      throw new Error(`The stored output could not be fetched (${response.status}).`);
    }
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
}

const batches = new BlobBatches({
  send,
  alone: async (url, hash) => (await send(`${url}/${hash}`, {}, [])).arrayBuffer(),
});

function fetched(notebookId: string, hash: string, size: number): Promise<ArrayBuffer> {
  return batches.bytes(blobsUrl(notebookId), hash, size);
}

function cached<T>(
  cache: Map<string, Kept<T>>,
  key: string,
  size: number,
  load: () => Promise<T>,
): Promise<T> {
  const found = cache.get(key);
  if (found) return found.value;
  let all = size;
  for (const one of cache.values()) all += one.size;
  for (const [oldest, one] of cache) {
    if (cache.size < MAX_CACHED && all <= MAX_CACHED_BYTES) break;
    cache.delete(oldest);
    all -= one.size;
  }
  const kept = { value: load(), size };
  cache.set(key, kept);
  kept.value.catch(() => cache.get(key) === kept && cache.delete(key));
  return kept.value;
}

/** The text of a blob. The size is what the document says of it, 0 when it says nothing. */
export function blobText(notebookId: string, hash: string, size: number): Promise<string> {
  return cached(texts, hash, size, async () =>
    new TextDecoder().decode(await fetched(notebookId, hash, size)),
  );
}

export function blobBytes(notebookId: string, hash: string, size: number): Promise<ArrayBuffer> {
  return cached(bytes, hash, size, () => fetched(notebookId, hash, size));
}

/** A URL of our own for the bytes; the MIME type comes from the manifest, not from the store. */
export function blobObjectUrl(notebookId: string, hash: string, size: number, mime: string): Lease<string> {
  return urls.lease(
    `${hash} ${mime}`,
    async () => new Blob([await fetched(notebookId, hash, size)], { type: mime }),
  );
}
