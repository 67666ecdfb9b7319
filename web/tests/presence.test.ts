import { describe, expect, it } from "vitest";
import { toCodePoints, toUnits } from "../src/notebook/completion";
import { decodeCbor, encodeCbor } from "../src/sync/cbor";
import { Cursors, encodeCursor, encodeHeartbeat, readPresence } from "../src/sync/presence";

describe("CBOR", () => {
  it("reads back what it writes", () => {
    const value = {
      type: "update",
      n: [0, 23, 24, 255, 256, 70_000, -1],
      t: true,
      f: false,
      z: null,
      s: "é😀",
    };
    expect(decodeCbor(encodeCbor(value))).toEqual(value);
  });

  it("reads indefinite maps and lists, and ignores what follows", () => {
    expect(decodeCbor(Uint8Array.from([0xbf, 0x61, 0x61, 0x9f, 1, 2, 0xff, 0xff, 9]))).toEqual({ a: [1, 2] });
  });

  it("answers nothing for bytes that are cut, nested too deeply or senseless", () => {
    expect(decodeCbor(Uint8Array.from([0xa1, 0x61]))).toBeUndefined();
    expect(decodeCbor(new Uint8Array(100).fill(0x81))).toBeUndefined();
    expect(decodeCbor(Uint8Array.from([0xff]))).toBeUndefined();
    expect(
      decodeCbor(Uint8Array.from([0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff])),
    ).toBeUndefined();
  });
});

describe("presence", () => {
  const cursor = (peerId: string) => ({
    type: "cursor" as const,
    cursor: { peerId, name: "Ada", cellId: "c", line: 1, column: 2 },
  });

  it("reads the cursor that the room rewrote, and ignores unknown kinds", () => {
    expect(readPresence(encodeCursor("c", 1, 2))).toMatchObject({
      type: "cursor",
      cursor: { cellId: "c", line: 1 },
    });
    expect(readPresence(encodeHeartbeat())).toEqual({ type: "alive", peerId: "self" });
    expect(readPresence(encodeCbor({ type: "snapshot", peer_id: "x" }))).toBeUndefined();
    expect(readPresence(new Uint8Array([1]))).toBeUndefined();
  });

  it("forgets those who left or fell silent, and never shows oneself", () => {
    const cursors = new Cursors();
    const here = new Set(["a", "b", "me"]);
    for (const id of ["a", "b", "me"]) cursors.apply(cursor(id), "me", 0);
    expect(cursors.current(here, 1_000).map((c) => c.peerId)).toEqual(["a", "b"]);
    cursors.apply({ type: "alive", peerId: "b" }, "me", 40_000);
    expect(cursors.current(here, 50_000).map((c) => c.peerId)).toEqual(["b"]);
    expect(cursors.current(new Set(["a"]), 50_000)).toEqual([]);
  });
});

describe("completion positions", () => {
  it("count code points for the kernel and UTF-16 units for the editor", () => {
    expect(toCodePoints("😀ab", 3)).toBe(2);
    expect(toUnits("😀ab", 2)).toBe(3);
  });
});

describe("what a kernel uses", () => {
  const told = (text: string) => {
    const data = [...new TextEncoder().encode(text)];
    return readPresence(encodeCbor({ type: "update", peer_id: "rt", channel: "custom", data }));
  };

  it("is read from the channel that nobody else uses", () => {
    const note = {
      kernel: { cpu_percent: 12.5, memory_bytes: 7, unresponsive_since: "2026-01-02T03:04:05.000Z" },
    };
    expect(told(JSON.stringify(note))).toEqual({
      type: "kernel",
      peerId: "rt",
      use: {
        cpuPercent: 12.5,
        memoryBytes: 7,
        gpuMemoryBytes: undefined,
        unresponsiveSince: "2026-01-02T03:04:05.000Z",
      },
    });
  });

  it("is nothing where others put something else there", () => {
    for (const odd of ["", "{", "1", "{}", '{"kernel":{}}', '{"kernel":{"memory_bytes":"x"}}']) {
      expect(told(odd)).toBeUndefined();
    }
    const text = encodeCbor({ type: "update", peer_id: "rt", channel: "custom", data: "text" });
    expect(readPresence(text)).toBeUndefined();
  });
});
