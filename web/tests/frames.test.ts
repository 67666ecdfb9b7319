import { describe, expect, it } from "vitest";
import { readControl } from "../src/sync/control";
import { decodeFrame, decodeJson, encodeFrame, encodeJson, FrameTooLarge } from "../src/sync/frames";

describe("frames", () => {
  it("puts one type byte before the payload and reads it back", () => {
    const bytes = encodeFrame(5, new Uint8Array([1, 2, 3]));
    expect([...bytes]).toEqual([5, 1, 2, 3]);
    expect(decodeFrame(bytes)).toEqual({ type: 5, payload: new Uint8Array([1, 2, 3]) });
  });

  it("accepts an empty payload and ignores an empty message", () => {
    expect(decodeFrame(encodeFrame(0, new Uint8Array()))?.payload.length).toBe(0);
    expect(decodeFrame(new Uint8Array())).toBeUndefined();
  });

  it("refuses a payload one byte over its cap and passes one at the cap", () => {
    expect(encodeFrame(4, new Uint8Array(4096)).length).toBe(4097);
    expect(() => encodeFrame(4, new Uint8Array(4097))).toThrow(FrameTooLarge);
  });

  it("carries JSON, and reads damaged JSON as nothing", () => {
    expect(decodeJson(encodeJson({ action: "é" }))).toEqual({ action: "é" });
    expect(decodeJson(new Uint8Array([0x7b]))).toBeUndefined();
  });
});

describe("session control", () => {
  it("reads ready and counts runtime peers from the roster when the room does not", () => {
    const peer = { peer_id: "r", actor_label: "user:a/runtime:1", connection_scope: "runtime_peer" };
    const ready = readControl({
      type: "cloud_room_ready",
      peer_id: "p",
      actor_label: "user:a/browser:1",
      connection_scope: "owner",
      peers: [peer],
    });
    expect(ready).toMatchObject({ type: "ready", scope: "owner", runtimePeers: 1 });
  });

  it("ignores unknown types and messages without what they need", () => {
    expect(readControl({ type: "sync_status" })).toBeUndefined();
    expect(readControl({ type: "cloud_room_ready" })).toBeUndefined();
    expect(readControl([])).toBeUndefined();
  });
});
