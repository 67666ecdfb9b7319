import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { readCells } from "../src/notebook/cells";
import { NotebookEditor } from "../src/notebook/edit";
import { RoomDocuments } from "../src/sync/documents";
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

  it("asks for a reload, and dials no more, when the room started its documents over", async () => {
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
    expect([outdated, room.dials]).toEqual([1, 1]);
  });

  it("drops a silent socket and dials again", async () => {
    const { session } = await page(room);
    session.start();
    await settle();
    await settle(31_500);
    expect(room.dials).toBeGreaterThan(1);
    session.stop();
  });
});
