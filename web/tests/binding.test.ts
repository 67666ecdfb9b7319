import { EditorState } from "@codemirror/state";
import { describe, expect, it } from "vitest";
import { followPatches, replacement, splicesOf } from "../src/notebook/binding";
import { readCells } from "../src/notebook/cells";
import { NotebookEditor } from "../src/notebook/edit";
import { type Automerge, actorOf } from "../src/sync/automerge";
import { RoomDocuments } from "../src/sync/documents";
import { automerge, seeded } from "./support/automerge";

const PIECES = ["a", "bc", "\n", "é", "😀", "e\u0301", "\r", "x = 1\n", "  "];

/** An editor never puts the cursor inside a surrogate pair. */
function whole(text: string, at: number): number {
  const position = Math.min(at, text.length);
  return /[\udc00-\udfff]/.test(text[position] ?? "") ? position + 1 : position;
}

/** One side: a document, and an editor's state bound to one of its cells. */
function side(api: Automerge, name: string) {
  const documents = new RoomDocuments(api);
  documents.setActor(actorOf(name));
  const editor = new NotebookEditor(api, documents.notebook);
  const origin = {};
  let state = EditorState.create({ extensions: EditorState.lineSeparator.of("\n") });
  let cell = "";
  const source = () => readCells(documents.notebook.value).find((c) => c.id === cell)?.source ?? "";
  documents.notebook.onPatches((patches, from) => {
    if (from === origin || cell === "") return;
    const specs = followPatches(state, patches, cell, source());
    if (specs.length > 0) state = state.update(...specs).state;
  });
  return {
    documents,
    editor,
    source,
    text: () => state.doc.toString(),
    open(id: string) {
      cell = id;
      state = state.update({ changes: { from: 0, to: state.doc.length, insert: source() } }).state;
    },
    type(random: () => number) {
      const at = (limit: number) => Math.floor(random() * (limit + 1));
      const from = whole(state.doc.toString(), at(state.doc.length));
      const to = whole(state.doc.toString(), from + at(random() < 0.3 ? 6 : 0));
      const second = to < state.doc.length ? [{ from: state.doc.length, insert: "!" }] : [];
      const insert = PIECES[at(PIECES.length - 1)] ?? "";
      const transaction = state.update({
        changes: [{ from, to, insert }, ...(random() < 0.2 ? second : [])],
      });
      state = transaction.state;
      editor.splice(origin, cell, splicesOf(transaction.changes));
    },
  };
}

type Side = ReturnType<typeof side>;

function exchange(a: Side, b: Side): void {
  for (let quiet = 0; quiet < 2; ) {
    const toB = a.documents.notebook.nextMessage();
    if (toB) b.documents.notebook.receive(toB);
    const toA = b.documents.notebook.nextMessage();
    if (toA) a.documents.notebook.receive(toA);
    quiet = toA || toB ? 0 : quiet + 1;
  }
}

describe("the binding of editor and document", () => {
  it("converges under random concurrent edits, with text outside the basic plane", async () => {
    const api = await automerge();
    for (let seed = 1; seed <= 25; seed += 1) {
      const random = seeded(seed);
      const a = side(api, "user:a/browser:1");
      const b = side(api, "user:b/browser:2");
      const id = a.editor.addCell(undefined, "code", "start\r\n");
      exchange(a, b);
      a.open(id);
      b.open(id);
      for (let round = 0; round < 20; round += 1) {
        for (let i = 0; i < 3; i += 1) (random() < 0.5 ? a : b).type(random);
        if (random() < 0.6) exchange(a, b);
      }
      exchange(a, b);
      expect(a.text(), `seed ${seed}`).toBe(a.source());
      expect(b.text(), `seed ${seed}`).toBe(a.text());
      expect(b.source(), `seed ${seed}`).toBe(a.source());
    }
  });

  it("changes whole characters, never halves", () => {
    expect(replacement("a 😀 b", "a 😁 b")).toEqual({ from: 2, to: 4, insert: "😁" });
    expect(replacement("😀", "😀😁")).toEqual({ from: 2, to: 2, insert: "😁" });
    // The same low half.
    expect(replacement("x\u{10000}y", "x\u{10400}y")).toEqual({ from: 1, to: 3, insert: "\u{10400}" });
  });

  it("follows a source that another side replaced as a whole", async () => {
    const api = await automerge();
    const a = side(api, "user:a/browser:1");
    const id = a.editor.addCell(undefined, "code", "old text");
    a.open(id);
    a.documents.notebook.change({}, (doc) => {
      const cell = doc.cells?.[id] as { source: string };
      cell.source = "new text";
    });
    expect(a.text()).toBe("new text");
  });
});
