// Small blobs that are asked for together come by one request (`POST /api/n/:id/blobs/read`, an addition to control-plane
// 3.10; the body is that of the server's `wire::blob_batch`). One that stands alone goes by GET, which the browser keeps.
import { number, record, text } from "./shape";

const MEDIA_TYPE = "application/vnd.notebook-cloud.blobs";
/** The most blobs of one request. */
export const MAX_BLOBS = 128;
/** The most bytes of a blob that comes with others. */
export const MAX_SMALL = 64 * 1024;
/** About the most bytes asked for by one request. */
export const MAX_BYTES = 2 * 1024 * 1024;
/** Requests under way at the same time; what is asked for meanwhile goes with the next. */
export const MAX_REQUESTS = 4;
/** How long the first waits for others. */
const GATHER_MS = 4;
/** Answers of a server that does not know the request. */
const UNKNOWN: readonly number[] = [404, 405];

/** Reads the blobs of a body; throws if it is cut off or none. */
export function readBatch(body: ArrayBuffer): Map<string, ArrayBuffer> {
  const blobs = new Map<string, ArrayBuffer>();
  let at = 0;
  const take = (length: number): ArrayBuffer => {
    if (length > body.byteLength - at) throw new Error("The answer with stored outputs is cut off.");
    at += length;
    return body.slice(at - length, at);
  };
  while (at < body.byteLength) {
    const length = new DataView(take(4)).getUint32(0);
    const header = record(JSON.parse(new TextDecoder().decode(take(length))));
    const [hash, size] = [text(header, "hash"), number(header, "size")];
    if (hash === undefined || size === undefined || !Number.isInteger(size) || size < 0) {
      throw new Error("The answer with stored outputs cannot be read.");
    }
    blobs.set(hash, take(size));
  }
  return blobs;
}

interface Waiting {
  url: string;
  hash: string;
  size: number;
  settle: (bytes: ArrayBuffer | Promise<ArrayBuffer>) => void;
}

/** How a single blob is fetched, and how a request is sent and sent again. */
export interface Fetching {
  alone(url: string, hash: string): Promise<ArrayBuffer>;
  send(url: string, init: RequestInit, final: readonly number[]): Promise<Response>;
}

/** Gathers what is asked for within the same moment, or while earlier requests are under way. */
export class BlobBatches {
  readonly #fetching: Fetching;
  #waiting: Waiting[] = [];
  #requests = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Whether the server knows the request, as far as is known. */
  #known = true;

  constructor(fetching: Fetching) {
    this.#fetching = fetching;
  }

  /** The bytes of a blob below the address of its notebook's blobs; `size` is the document's word, 0 when it has none. */
  bytes(url: string, hash: string, size: number): Promise<ArrayBuffer> {
    if (!this.#known || size > MAX_SMALL) return this.#fetching.alone(url, hash);
    return new Promise((settle) => {
      this.#waiting.push({ url, hash, size, settle });
      this.#timer ??= setTimeout(() => {
        this.#timer = undefined;
        this.#flush();
      }, GATHER_MS);
    });
  }

  #flush(): void {
    while (this.#requests < MAX_REQUESTS && this.#waiting.length > 0) {
      const batch = this.#take();
      this.#requests += 1;
      this.#fetch(batch).finally(() => {
        this.#requests -= 1;
        this.#flush();
      });
    }
  }

  /** What one request may ask for, first come first served. */
  #take(): Waiting[] {
    const url = this.#waiting[0]?.url;
    const hashes = new Set<string>();
    let bytes = 0;
    const batch: Waiting[] = [];
    const rest: Waiting[] = [];
    let full = false;
    for (const one of this.#waiting) {
      const isNew = !hashes.has(one.hash);
      const cost = isNew ? one.size || MAX_SMALL : 0;
      full ||= hashes.size + Number(isNew) > MAX_BLOBS || bytes + cost > MAX_BYTES;
      if (full || one.url !== url) {
        rest.push(one);
      } else {
        hashes.add(one.hash);
        bytes += cost;
        batch.push(one);
      }
    }
    this.#waiting = rest;
    return batch;
  }

  /** Settles each of a batch; never rejects. */
  async #fetch(batch: readonly Waiting[]): Promise<void> {
    const url = batch[0]?.url ?? "";
    const hashes = [...new Set(batch.map((one) => one.hash))];
    let failed: Promise<ArrayBuffer> | undefined;
    let found = new Map<string, ArrayBuffer>();
    if (hashes.length > 1 && this.#known) {
      try {
        found = await this.#together(url, hashes);
      } catch (error) {
        failed = Promise.reject(error);
        failed.catch(() => undefined);
      }
    }
    // What the answer leaves out is asked for by itself.
    const missing = new Map<string, Promise<ArrayBuffer>>();
    const alone = (hash: string): Promise<ArrayBuffer> => {
      const asked = missing.get(hash) ?? this.#fetching.alone(url, hash);
      missing.set(hash, asked);
      return asked;
    };
    for (const { hash, size, settle } of batch) {
      const bytes = found.get(hash);
      const isIt = bytes !== undefined && (size === 0 || bytes.byteLength === size);
      settle(failed ?? (isIt ? bytes : alone(hash)));
    }
    await Promise.allSettled(missing.values());
  }

  /** What one request brings; throws if it fails, as a single one would. */
  async #together(url: string, hashes: readonly string[]): Promise<Map<string, ArrayBuffer>> {
    const init = {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ hashes }),
    };
    const response = await this.#fetching.send(`${url}/read`, init, UNKNOWN);
    const isBatch = response.headers.get("Content-Type") === MEDIA_TYPE;
    if (UNKNOWN.includes(response.status) || !isBatch) {
      this.#known = false;
      return new Map();
    }
    try {
      return readBatch(await response.arrayBuffer());
    } catch {
      // Cut off or not what it should be: each comes by itself.
      return new Map();
    }
  }
}
