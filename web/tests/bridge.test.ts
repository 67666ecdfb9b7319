// What widget frames are told of the state that others write.
import { signal } from "@preact/signals";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { NotebookStore } from "../src/notebook/store";
import { RoomDocuments } from "../src/sync/documents";
import { Frame, WidgetBridge } from "../src/widgets/bridge";
import type { ToFrame } from "../src/widgets/messages";
import { automerge } from "./support/automerge";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"] });
});
afterEach(() => {
  vi.useRealTimers();
});

async function open(state: Record<string, unknown>) {
  const api = await automerge();
  const documents = new RoomDocuments(api);
  const kernel = (change: Record<string, unknown>) =>
    documents.comms.change({}, (doc) => {
      if (doc.comms) doc.comms.w = { ...doc.comms.w, ...change };
    });
  kernel(state);
  const store = { id: "n", api, documents, canEdit: signal(true), canRun: signal(true), onBroadcast() {} };
  const bridge = WidgetBridge.of(store as unknown as NotebookStore);
  const frame = () => {
    const told: ToFrame[] = [];
    const one = new Frame("w", (message) => told.push(message));
    bridge.add(one);
    const updates = () =>
      told.flatMap((message) => (message.type === "widget-update" ? [message.model.state] : []));
    return { one, updates };
  };
  const shown = () => ({ ...documents.comms.value.comms?.w });
  return { bridge, kernel, frame, shown };
}

test("a frame keeps what was just set in it, though the kernel sets something before it is written", async () => {
  const { bridge, kernel, frame, shown } = await open({ value: 1, max: 10 });
  const [used, other] = [frame(), frame()];
  await vi.advanceTimersByTimeAsync(10);
  const say = (value: number) =>
    bridge.hear(used.one, { type: "state", id: "w", message: "m", state: { value }, paths: [], buffers: [] });
  say(2);
  await vi.advanceTimersByTimeAsync(10);
  say(3);
  kernel({ value: 7, max: 20 });
  await vi.advanceTimersByTimeAsync(100);
  expect(shown()).toEqual({ value: 3, max: 20 });
  expect(used.updates()).toEqual([{ max: 20 }]);
  expect(other.updates().at(-1)).toEqual({ value: 3 });
  kernel({ value: 8 });
  await vi.advanceTimersByTimeAsync(100);
  expect(used.updates().at(-1)).toEqual({ value: 8 });
});
