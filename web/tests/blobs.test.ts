import { readFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { MAX_BLOBS, MAX_BYTES, MAX_REQUESTS, MAX_SMALL, readBatch } from "../src/api/blob-batch";

const URL_OF_BLOBS = "/api/n/nb/blobs";

/** What the server's `wire::blob_batch` writes (crates/wire/tests/blob_batch.rs). */
function vector(): ArrayBuffer {
  const bytes = readFileSync(new URL("../../crates/wire/tests/vectors/blob_batch.bin", import.meta.url));
  return new Uint8Array(bytes).buffer;
}

function record(hash: string, content: string, size?: number): Uint8Array<ArrayBuffer> {
  const bytes = new TextEncoder().encode(content);
  const header = new TextEncoder().encode(
    JSON.stringify({ hash, media_type: "text/plain", size: size ?? bytes.length }),
  );
  const whole = new Uint8Array(4 + header.length + bytes.length);
  new DataView(whole.buffer).setUint32(0, header.length);
  whole.set(header, 4);
  whole.set(bytes, 4 + header.length);
  return whole;
}

function joined(parts: readonly Uint8Array<ArrayBuffer>[]): Blob {
  return new Blob([...parts]);
}

const hashOf = (n: number) => n.toString(16).padStart(64, "0");
const textOf = (hash: string) => `text of ${hash.slice(-4)}`;
const SIZE = textOf(hashOf(0)).length;

/** A server with every blob; a test may change how it answers. */
class Server {
  /** The hashes of each request for many. */
  readonly asked: string[][] = [];
  readonly gets: string[] = [];
  inFlight = 0;
  most = 0;
  /** What holds every answer to a request for many. */
  gate: Promise<void> = Promise.resolve();

  many = (hashes: readonly string[]): Response =>
    this.batch(hashes.map((hash) => record(hash, textOf(hash))));
  one = (hash: string): Response => new Response(textOf(hash));

  batch(parts: readonly Uint8Array<ArrayBuffer>[]): Response {
    const headers = { "Content-Type": "application/vnd.notebook-cloud.blobs" };
    return new Response(joined(parts), { headers });
  }

  fetch = async (url: string, init?: RequestInit): Promise<Response> => {
    expect(init?.credentials).toBe("same-origin");
    if (init?.method !== "POST") {
      const hash = url.slice(URL_OF_BLOBS.length + 1);
      this.gets.push(hash);
      return this.one(hash);
    }
    expect(url).toBe(`${URL_OF_BLOBS}/read`);
    const { hashes } = JSON.parse(String(init.body)) as { hashes: string[] };
    this.asked.push(hashes);
    this.inFlight += 1;
    this.most = Math.max(this.most, this.inFlight);
    await this.gate;
    this.inFlight -= 1;
    return this.many(hashes);
  };
}

describe("the body of many blobs", () => {
  it("is read as the server writes it", () => {
    const blobs = [...readBatch(vector())].map(([hash, bytes]) => [hash, [...new Uint8Array(bytes)]]);
    expect(blobs).toEqual([
      ["a".repeat(64), [...new TextEncoder().encode("grün\n")]],
      ["b".repeat(64), [0x89, 0x50, 0x00, 0xff, 0x0d, 0x0a]],
      ["c".repeat(64), []],
    ]);
    expect(readBatch(new ArrayBuffer(0)).size).toBe(0);
  });

  it("is refused where it is cut off or says nonsense", () => {
    const body = vector();
    const whole = new Set([0]);
    let length = 0;
    for (const [hash, bytes] of readBatch(body)) {
      const type = { a: "text/plain", b: "image/png" }[hash[0] ?? ""] ?? "application/octet-stream";
      length += 4 + JSON.stringify({ hash, media_type: type, size: bytes.byteLength }).length;
      length += bytes.byteLength;
      whole.add(length);
    }
    expect(length).toBe(body.byteLength);
    for (let end = 0; end < body.byteLength; end += 1) {
      const cut = () => readBatch(body.slice(0, end));
      if (whole.has(end)) expect(cut).not.toThrow();
      else expect(cut, String(end)).toThrow();
    }
    for (const size of [-1, 0.5, 1e300]) expect(() => readBatch(record("a", "", size).buffer)).toThrow();
    expect(() => readBatch(new TextEncoder().encode("<!doctype html>").buffer)).toThrow();
  });
});

describe("fetching blobs", () => {
  let server: Server;
  let blobText: (notebookId: string, hash: string, size: number) => Promise<string>;

  beforeEach(async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    server = new Server();
    vi.stubGlobal("fetch", server.fetch);
    vi.resetModules();
    ({ blobText } = await import("../src/api/blobs"));
  });

  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  /** Asks for blobs in one moment and gives their texts. */
  async function texts(from: number, count: number, size = SIZE): Promise<string[]> {
    const hashes = Array.from({ length: count }, (_, n) => hashOf(from + n));
    const asked = Promise.all(hashes.map((hash) => blobText("nb", hash, size)));
    asked.catch(() => undefined);
    await vi.advanceTimersByTimeAsync(10_000);
    return asked;
  }

  function expected(from: number, count: number): string[] {
    return Array.from({ length: count }, (_, n) => textOf(hashOf(from + n)));
  }

  it("sends one request for what is asked for in the same moment", async () => {
    expect(await texts(0, 20)).toEqual(expected(0, 20));
    expect(server.asked).toEqual([Array.from({ length: 20 }, (_, n) => hashOf(n))]);
    expect(server.gets).toEqual([]);
  });

  it("gets by itself what stands alone, is large, or was fetched before", async () => {
    expect(await texts(0, 1)).toEqual(expected(0, 1));
    expect(await texts(1, 2, MAX_SMALL + 1)).toEqual(expected(1, 2));
    expect(server.gets).toEqual([hashOf(0), hashOf(1), hashOf(2)]);
    await texts(0, 3);
    expect([server.gets.length, server.asked]).toEqual([3, []]);
  });

  it("keeps large ones at hand only as far as memory is to spare for them", async () => {
    const large = 20 * 1024 * 1024;
    await texts(0, 4, large);
    await texts(3, 1, large);
    expect(server.gets).toHaveLength(4);
    await texts(0, 1, large);
    expect(server.gets).toHaveLength(5);
  });

  it("keeps to the limits of a request", async () => {
    await texts(0, 2 * MAX_BLOBS + 3);
    expect(server.asked.map((hashes) => hashes.length)).toEqual([MAX_BLOBS, MAX_BLOBS, 3]);
    server.asked.length = 0;
    server.many = () => new Response(null, { status: 400 });
    const fit = MAX_BYTES / MAX_SMALL;
    for (const [from, size] of [
      [1000, MAX_SMALL],
      [2000, 0],
    ] as const) {
      server.asked.length = 0;
      await texts(from, 2 * fit, size).catch(() => undefined);
      expect(server.asked.map((hashes) => hashes.length)).toEqual([fit, fit]);
    }
  });

  it("asks for the same blob once, whatever for", async () => {
    const { blobBytes } = await import("../src/api/blobs");
    const bytes = blobBytes("nb", hashOf(1), SIZE);
    await texts(0, 2);
    expect(new TextDecoder().decode(await bytes)).toBe(textOf(hashOf(1)));
    expect(server.asked).toEqual([[hashOf(1), hashOf(0)]]);
  });

  it("has few requests under way and gathers meanwhile", async () => {
    let open = (): void => undefined;
    server.gate = new Promise((resolve) => {
      open = resolve;
    });
    const first = texts(0, MAX_REQUESTS * MAX_BLOBS);
    await vi.advanceTimersByTimeAsync(100);
    const meanwhile = [texts(5000, 1), texts(6000, 1), texts(7000, 1)];
    await vi.advanceTimersByTimeAsync(100);
    expect([server.asked.length, server.inFlight, server.gets.length]).toEqual([
      MAX_REQUESTS,
      MAX_REQUESTS,
      0,
    ]);
    open();
    expect(await first).toEqual(expected(0, MAX_REQUESTS * MAX_BLOBS));
    expect((await Promise.all(meanwhile)).flat()).toEqual([5000, 6000, 7000].flatMap((n) => expected(n, 1)));
    expect(server.asked.slice(MAX_REQUESTS)).toEqual([[hashOf(5000), hashOf(6000), hashOf(7000)]]);
    expect(server.most).toBe(MAX_REQUESTS);
  });

  it.each([
    ["404", () => new Response("{}", { status: 404 })],
    ["405", () => new Response("", { status: 405 })],
    ["a page", () => new Response("<!doctype html>")],
  ])("gets each by itself where the server answers %s, and remembers", async (_, answer) => {
    server.many = answer;
    expect(await texts(0, 3)).toEqual(expected(0, 3));
    expect(await texts(10, 3)).toEqual(expected(10, 3));
    expect([server.asked.length, server.gets.length]).toEqual([1, 6]);
  });

  it("gets what an answer leaves out", async () => {
    const all = server.many;
    server.many = (hashes) => all(hashes.filter((hash) => hash !== hashOf(1)));
    expect(await texts(0, 3)).toEqual(expected(0, 3));
    expect(server.gets).toEqual([hashOf(1)]);
    await texts(10, 3);
    expect(server.asked.length).toBe(2);
  });

  it.each([
    ["is cut off", (hash: string) => record(hash, textOf(hash), SIZE + 1)],
    ["has another size than the document says", (hash: string) => record(hash, "other")],
    ["has another name", (hash: string) => record(hash.replace("0", "f"), textOf(hash))],
    ["is none", () => new TextEncoder().encode("Sorry.")],
  ])("gets a blob by itself when the answer %s", async (_, wrong) => {
    server.many = (hashes) => server.batch(hashes.map(wrong).slice(-1));
    expect(await texts(0, 2)).toEqual(expected(0, 2));
    expect(server.gets).toEqual([hashOf(0), hashOf(1)]);
  });

  it("tries again what may help, and says why in the end", async () => {
    const all = server.many;
    let failures = 2;
    server.many = (hashes) => (failures-- > 0 ? new Response("", { status: 503 }) : all(hashes));
    expect(await texts(0, 3)).toEqual(expected(0, 3));
    expect([server.asked.length, server.gets]).toEqual([3, []]);

    failures = 3;
    await expect(texts(10, 3)).rejects.toThrow("The stored output could not be fetched (503).");
    // It may be asked for again.
    failures = 0;
    expect(await texts(10, 3)).toEqual(expected(10, 3));

    server.many = () => new Response("", { status: 403 });
    await expect(texts(20, 3)).rejects.toThrow("(403)");
    server.many = () => {
      throw new TypeError("Failed to fetch");
    };
    await expect(texts(30, 3)).rejects.toThrow("Failed to fetch");
    expect(server.gets).toEqual([]);
  });
});
