import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { readCells } from "../src/notebook/cells";
import { connectionState } from "../src/notebook/connection-state";
import { NotebookEditor } from "../src/notebook/edit";
import { reconnectDelay } from "../src/sync/backoff";
import { RoomDocuments } from "../src/sync/documents";
import { Liveness } from "../src/sync/liveness";
import { RoomSession } from "../src/sync/session";
import { automerge } from "./support/automerge";
import { FakeRoom } from "./support/room";

async function page(room: FakeRoom) {
  const api = await automerge();
  const documents = new RoomDocuments(api);
  const session = new RoomSession({ api, documents, dial: room.dial, random: () => 0.5, changed() {} });
  return { api, documents, session, editor: new NotebookEditor(api, documents.notebook) };
}

const settle = (ms = 100) => vi.advanceTimersByTimeAsync(ms);

describe("a session with a room", () => {
  let room: FakeRoom;
  beforeEach(async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval"] });
    room = new FakeRoom(await automerge());
  });
  afterEach(() => vi.useRealTimers());

  it("receives what the room holds and sends what is written here", async () => {
    const { documents, session, editor } = await page(room);
    session.start();
    await settle();
    expect(session.state).toMatchObject({ phase: "live", scope: "owner" });
    const first = editor.addCell(undefined, "code", "print(1)");
    await settle();
    expect(room.cells()[first]?.source).toBe("print(1)");
    expect(session.state.unsaved).toBe(false);
    room.edit(0, (doc) => {
      const mine = (doc.cells as Record<string, { source: string }>)[first];
      if (mine) mine.source = "print(2)";
    });
    await settle();
    expect(readCells(documents.notebook.value).map((c) => c.source)).toEqual(["print(2)"]);
    session.stop();
  });

  // RP-111 RP-113
  it("keeps edits made offline and delivers them after reconnecting, under a new actor", async () => {
    const { api, documents, session, editor } = await page(room);
    session.start();
    await settle();
    const id = editor.addCell(undefined, "code", "a");
    await settle();
    const before = api.getActorId(documents.notebook.value);
    room.cut();
    editor.splice({}, id, [{ index: 1, remove: 0, insert: "bc" }]);
    expect(session.state).toMatchObject({ phase: "waiting", unsaved: true });
    await settle(1_500);
    expect(room.dials).toBe(2);
    expect(room.cells()[id]?.source).toBe("abc");
    expect(session.state).toMatchObject({ phase: "live", unsaved: false });
    expect(api.getActorId(documents.notebook.value)).not.toBe(before);
    session.stop();
  });

  it("answers a request that is too large, and stays connected", async () => {
    const { session } = await page(room);
    session.start();
    await settle();
    const refused = session.request("send_comm", { message: { text: "x".repeat(16 * 1024 * 1024) } });
    await expect(refused).rejects.toThrow("It has 16.1 MiB; at most 16 MiB can be sent at once.");
    const taken = session.request("send_comm", { message: { text: "x" } });
    await settle();
    await expect(taken).resolves.toBeUndefined();
    expect([session.state.phase, room.dials, room.requests.length]).toEqual(["live", 1, 1]);
    session.stop();
  });

  // RP-183
  it("sends documents before a request and resolves requests in the order sent", async () => {
    const { session, editor } = await page(room);
    session.start();
    await settle();
    const id = editor.addCell(undefined, "code", "x");
    const done: string[] = [];
    session.request("execute_cell", { cell_id: id }).then(() => done.push("execute"));
    session.request("interrupt_execution").then(() => done.push("interrupt"));
    await settle();
    expect(done).toEqual(["execute", "interrupt"]);
    expect(room.requests.map((r) => r.action)).toEqual(["execute_cell", "interrupt_execution"]);
    expect(Object.keys(room.cells())).toContain(id);
    session.stop();
  });

  // RP-181
  it("reports a refused request with the room's reason, and a lost one", async () => {
    const { session } = await page(room);
    session.start();
    await settle();
    room.refuse.set(1, "no runtime peer is attached for execute_cell");
    await Promise.all([expect(session.request("execute_cell")).rejects.toThrow("no runtime peer"), settle()]);
    room.refuse.clear();
    const lost = session.request("execute_cell");
    const outcome = expect(lost).rejects.toThrow("lost");
    room.cut();
    await outcome;
    session.stop();
  });

  it("stops sending when the room refuses its changes twice, and says why", async () => {
    const { session, editor } = await page(room);
    session.start();
    await settle();
    room.refuse.set(0, "editor cannot author");
    editor.addCell(undefined, "code");
    await settle();
    expect(session.state).toMatchObject({ refused: "editor cannot author", unsaved: true });
    session.stop();
  });

  it("asks for a reload, and dials no more, when the room takes its documents for old and is in the same epoch", async () => {
    const api = await automerge();
    let outdated = 0;
    const session = new RoomSession({
      api,
      documents: new RoomDocuments(api),
      dial: room.dial,
      changed() {},
      outdated: () => {
        outdated += 1;
      },
    });
    session.start();
    await settle();
    room.cut("room epoch changed");
    await settle(60_000);
    expect([outdated, room.dials]).toEqual([1, 2]);
  });

  it("writes again what the room had not taken before it started over, and shows it all the time", async () => {
    const { documents, session, editor } = await page(room);
    const sources = () => readCells(documents.notebook.value).map((cell) => cell.source);
    session.start();
    await settle();
    const kept = editor.addCell(undefined, "code", "kept");
    const gone = editor.addCell(kept, "code", "gone");
    const moved = editor.addCell(gone, "code", "moved");
    await settle();
    // On its way when the room starts over: nobody hears of it.
    editor.splice({}, kept, [{ index: 4, remove: 0, insert: " and late" }]);
    editor.deleteCell(gone);
    editor.setType([moved], "markdown");
    room.startOver(() => {});
    const added = editor.addCell(moved, "code", "added");
    editor.place([moved], undefined);
    expect(sources()).toEqual(["moved", "kept and late", "added"]);
    const seen: string[][] = [];
    documents.notebook.onPatches(() => seen.push(sources()));
    await settle(500);
    expect(sources()).toEqual(["moved", "kept and late", "added"]);
    expect(new Set(seen.map((each) => each.join()))).toEqual(new Set(["moved,kept and late,added"]));
    expect(Object.keys(room.cells()).sort()).toEqual([kept, moved, added].sort());
    expect(room.cells()[kept]?.source).toBe("kept and late");
    expect(session.state).toMatchObject({ phase: "live", unsaved: false, rejoining: false });
    session.stop();
  });

  it("comes back after long to a room that started over meanwhile, with what was written offline", async () => {
    const { documents, session, editor } = await page(room);
    session.start();
    await settle();
    const cell = editor.addCell(undefined, "code", "one\ntwo\n");
    await settle();
    room.cut();
    editor.splice({}, cell, [{ index: 8, remove: 0, insert: "mine\n" }]);
    room.edit(0, (doc) => {
      const theirs = (doc.cells as Record<string, { source: string }>)[cell];
      if (theirs) theirs.source = "theirs\none\ntwo\n";
    });
    room.startOver(() => {});
    await settle(2_000);
    expect(room.cells()[cell]?.source).toBe("theirs\none\ntwo\nmine\n");
    expect(readCells(documents.notebook.value).map(({ source }) => source)).toEqual([
      "theirs\none\ntwo\nmine\n",
    ]);
    expect(session.state).toMatchObject({ phase: "live", unsaved: false });
    session.stop();
  });

  it("names the heads of the new document in a request that waited", async () => {
    const { documents, session, editor } = await page(room);
    session.start();
    await settle();
    room.mute.add(1);
    const heads = () => ({ required_heads: documents.notebook.heads() });
    const asked = session.request("execute_cell", heads);
    await settle();
    room.mute.clear();
    room.startOver(() => {});
    editor.addCell(undefined, "code", "late");
    await settle();
    await asked;
    expect(room.requests.at(-1)?.required_heads).toEqual(documents.notebook.heads());
    session.stop();
  });

  it("takes up what runs afresh when the room started it over, and shows the old until the new is here", async () => {
    const { documents, session, editor } = await page(room);
    const shown = () => (documents.runtime.value as unknown as { seen?: string }).seen;
    session.start();
    await settle();
    const cell = editor.addCell(undefined, "code", "1");
    room.edit(5, (doc) => {
      doc.seen = "old";
    });
    await settle();
    expect(shown()).toBe("old");
    let told = 0;
    documents.runtime.onPatches(() => {
      told += 1;
    });
    room.startOver((doc) => {
      doc.seen = "new";
    });
    expect(shown()).toBe("old");
    expect(session.state).toMatchObject({ rejoining: true, phase: "connecting" });
    expect(connectionState(session.state).status).toBe("saved");
    await settle();
    expect(shown()).toBe("new");
    expect(told).toBe(1);
    expect(room.dials).toBe(2);
    expect(session.state).toMatchObject({ rejoining: false, phase: "live", unsaved: false });
    expect(Object.keys(room.cells())).toEqual([cell]);
    session.stop();
  });

  it("asks again for what the room did not answer before it started over, in order and behind the edits", async () => {
    const { session, editor } = await page(room);
    session.start();
    await settle();
    room.mute.add(1);
    const done: string[] = [];
    session.request("execute_cell").then(() => done.push("execute"));
    await settle();
    room.mute.clear();
    room.startOver(() => {});
    const cell = editor.addCell(undefined, "code", "late");
    session.request("interrupt_execution").then(() => done.push("interrupt"));
    expect(done).toEqual([]);
    await settle();
    expect(done).toEqual(["execute", "interrupt"]);
    expect(room.requests.map((r) => r.action)).toEqual(["execute_cell", "interrupt_execution"]);
    const second = room.heard.filter((frame) => frame.dial === 2);
    const request = second.findIndex((frame) => frame.type === 1);
    expect(second.slice(0, request).some((frame) => frame.type === 0)).toBe(true);
    expect(room.cells()[cell]?.source).toBe("late");
    session.stop();
  });

  it("gives up what waits for a room that started over and did not come back", async () => {
    const { session } = await page(room);
    session.start();
    await settle();
    room.greets = false;
    room.startOver(() => {});
    const outcome = expect(session.request("execute_cell")).rejects.toThrow("lost");
    room.cut();
    await outcome;
    expect(session.state).toMatchObject({ phase: "waiting", rejoining: false });
    session.stop();
  });

  it("drops a silent socket and dials again", async () => {
    const { session } = await page(room);
    session.start();
    await settle();
    await settle(31_500);
    expect(room.dials).toBeGreaterThan(1);
    session.stop();
  });

  // DOC-030 DOC-037
  it("writes nothing into a room without cells", async () => {
    const { documents, session } = await page(room);
    const before = documents.notebook.heads();
    session.start();
    await settle(5_000);
    expect(session.state.phase).toBe("live");
    expect(room.cells()).toEqual({});
    expect(documents.notebook.heads()).toEqual(before);
    session.stop();
  });

  // RP-034
  it("sends nothing before the room is ready", async () => {
    room.greets = false;
    const { session, editor } = await page(room);
    session.start();
    editor.addCell(undefined, "code", "x");
    session.sendPresence(new Uint8Array([1]));
    await expect(session.request("execute_cell")).rejects.toThrow("Not connected");
    await settle(5_000);
    expect(room.heard).toEqual([]);
    session.stop();
  });

  // RP-057
  it("ignores frames of a type it does not know", async () => {
    const { session } = await page(room);
    session.start();
    await settle();
    room.connections[0]?.socket.push(new Uint8Array([0xee, 1, 2]));
    await settle();
    expect(session.state.phase).toBe("live");
    expect(room.dials).toBe(1);
    session.stop();
  });

  // RP-180
  it("gives up on a request that is not answered within 30 s", async () => {
    const { session } = await page(room);
    session.start();
    await settle();
    await Promise.all([expect(session.request("execute_cell")).resolves.toBeUndefined(), settle()]);
    room.mute.add(1);
    let failed = "";
    session.request("execute_cell").catch((error: Error) => {
      failed = error.message;
    });
    const talk = setInterval(() => room.connections[0]?.socket.push(new Uint8Array([0xee])), 5_000);
    await settle(29_000);
    expect(failed).toBe("");
    await settle(2_000);
    expect(failed).toContain("in time");
    clearInterval(talk);
    session.stop();
  });

  // RP-182
  it("fails all that is outstanding when the socket ends, and asks nothing again", async () => {
    const { session } = await page(room);
    session.start();
    await settle();
    room.mute.add(1);
    const lost = [session.request("execute_cell"), session.request("interrupt_execution")];
    const outcome = Promise.all(lost.map((each) => expect(each).rejects.toThrow("lost")));
    room.cut();
    await outcome;
    room.mute.clear();
    await settle(5_000);
    expect(session.state.phase).toBe("live");
    expect(room.heard.filter((frame) => frame.type === 1).map((frame) => frame.dial)).toEqual([1, 1]);
    session.stop();
  });

  // RP-116
  it("does not ask again and again when the room refuses a runtime change", async () => {
    const { session } = await page(room);
    session.start();
    await settle();
    room.refuse.set(5, "unauthorized actor");
    room.edit(5, (doc) => {
      doc.path = "x";
    });
    await settle(10_000);
    const sent = room.heard.length;
    await settle(2_000);
    expect(room.heard.length).toBe(sent);
    expect(room.heard.filter((frame) => frame.type === 5).length).toBeLessThan(8);
    expect(room.dials).toBe(1);
    session.stop();
  });

  // RP-258
  it("dials again after every code, soon after a connection that was ready", async () => {
    const { session } = await page(room);
    session.start();
    await settle();
    for (const [nth, code] of [1000, 1006, 1008, 1011, 1012, 4000].entries()) {
      room.cut("", code);
      await settle(900);
      expect(room.dials).toBe(nth + 1);
      await settle(200);
      expect(room.dials).toBe(nth + 2);
    }
    session.stop();
  });

  // RP-258
  it("waits twice as long after each dial in vain, up to 30 s, give or take half", () => {
    const waits = (random: number) => [0, 1, 2, 3, 4, 5, 50].map((n) => reconnectDelay(n, () => random));
    expect(waits(0.5)).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
    expect(waits(0)[3]).toBe(4_000);
    expect(waits(1)[6]).toBe(45_000);
  });

  // RP-056
  it("counts the silence from the first ping and takes any message for an answer", () => {
    const said: string[] = [];
    const liveness = new Liveness({ ping: (text) => said.push(text), lost: () => said.push("lost") });
    liveness.start();
    vi.advanceTimersByTime(25_000);
    liveness.heard();
    vi.advanceTimersByTime(14_000);
    expect(said).toEqual(["nteract-liveness-ping"]);
    vi.advanceTimersByTime(5_000);
    (liveness as unknown as { beat(): void }).beat();
    expect(said.length).toBe(3);
    vi.advanceTimersByTime(6_500);
    expect(said.at(-1)).toBe("lost");
    liveness.stop();
  });

  // RP-112 RP-114
  it("says again on the next socket what the last one could not carry", async () => {
    const { api, session, editor } = await page(room);
    session.start();
    await settle();
    const socket = room.connections[0]?.socket;
    if (socket) socket.readyState = 3;
    const id = editor.addCell(undefined, "code", "x");
    const before = room.heard.length;
    await settle(50);
    expect(session.state).toMatchObject({ phase: "waiting", unsaved: true });
    expect(room.heard.length).toBe(before);
    await settle(2_000);
    // The conversation begins anew: the frame with the change that was lost does not come by itself.
    const first = room.heard.slice(before).find((frame) => frame.type === 0);
    expect(first?.dial).toBe(2);
    expect(api.decodeSyncMessage(first?.payload ?? new Uint8Array()).changes).toEqual([]);
    expect(room.cells()[id]?.source).toBe("x");
    expect(session.state.unsaved).toBe(false);
    session.stop();
  });

  // DOC-080
  it("keeps every cell when a document is built again", async () => {
    const { documents, editor } = await page(room);
    for (const source of ["a", "b", "c"]) editor.addCell(undefined, "code", source);
    const before = readCells(documents.notebook.value);
    documents.notebook.rebuild();
    expect(readCells(documents.notebook.value)).toEqual(before);
    expect(before.length).toBe(3);
  });
});
