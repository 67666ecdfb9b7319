import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { NotebookStore } from "../src/notebook/store";
import { keepUnsent, keptUnsent } from "../src/notebook/unsent";
import { decodeCbor } from "../src/sync/cbor";
import { FrameType } from "../src/sync/frames";
import { HEARTBEAT_MS } from "../src/sync/presence";
import { automerge } from "./support/automerge";
import { FakeRoom } from "./support/room";

describe("an open notebook", () => {
  let room: FakeRoom;
  beforeEach(async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval"] });
    const opened = new FakeRoom(await automerge());
    room = opened;
    const events = { addEventListener() {}, removeEventListener() {} };
    vi.stubGlobal("location", { protocol: "http:", host: "127.0.0.1" });
    vi.stubGlobal("document", { ...events, visibilityState: "visible" });
    for (const [name, value] of Object.entries(events)) vi.stubGlobal(name, value);
    // What a constructor returns takes the place of what it made.
    vi.stubGlobal("WebSocket", function dial() {
      return opened.dial();
    });
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  const heartbeats = (dial: number) =>
    room.heard
      .filter((frame) => frame.dial === dial && frame.type === FrameType.Presence)
      .map(({ payload }) => decodeCbor(payload))
      .filter((presence) => (presence as { type?: string }).type === "heartbeat").length;

  // RP-280
  it("sends a heartbeat every 15 s while it is connected", async () => {
    expect(HEARTBEAT_MS).toBe(15_000);
    const store = new NotebookStore(await automerge(), "n", "owner");
    store.start();
    await vi.advanceTimersByTimeAsync(14_900);
    expect([store.session.peek().phase, heartbeats(1)]).toEqual(["live", 0]);
    await vi.advanceTimersByTimeAsync(200);
    expect(heartbeats(1)).toBe(1);
    await vi.advanceTimersByTimeAsync(45_000);
    expect(heartbeats(1)).toBe(4);
    // No socket carries one that it did not open with `ready`.
    room.greets = false;
    room.cut();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(room.dials).toBeGreaterThan(1);
    expect(heartbeats(room.dials)).toBe(0);
    store.stop();
    room.greets = true;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(heartbeats(room.dials)).toBe(0);
  });

  it("keeps what the room lacks when it is closed, besides what was kept before", async () => {
    const kept = new Map<string, string>();
    vi.stubGlobal("sessionStorage", {
      getItem: (key: string) => kept.get(key) ?? null,
      setItem: (key: string, value: string) => kept.set(key, value),
      removeItem: (key: string) => kept.delete(key),
    });
    keepUnsent("n", [{ id: "older", type: "code", source: "older = 1" }]);
    const store = new NotebookStore(await automerge(), "n", "owner");
    store.start();
    await vi.advanceTimersByTimeAsync(1_000);
    const saved = store.editor.addCell(undefined, "code", "saved = 1");
    await vi.advanceTimersByTimeAsync(1_000);
    expect(store.session.peek().unsaved).toBe(false);
    room.greets = false;
    room.cut();
    const id = store.editor.addCell(saved, "code", "unsent = 1");
    store.stop();
    expect(keptUnsent("n")).toEqual([
      { id: "older", type: "code", source: "older = 1" },
      { id, type: "code", source: "unsent = 1" },
    ]);
  });
});
