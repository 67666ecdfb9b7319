// The others' cursors inside an editor: a thin line with a name.
import { type Extension, StateEffect, StateField } from "@codemirror/state";
import { Decoration, type DecorationSet, EditorView, WidgetType } from "@codemirror/view";
import type { RemoteCursor } from "../sync/presence";

const COLOURS = 5;

/** The same person has the same colour everywhere. */
export function colourOf(peerId: string): number {
  let sum = 0;
  for (const char of peerId) sum = (sum * 31 + char.charCodeAt(0)) >>> 0;
  return sum % COLOURS;
}

class CursorWidget extends WidgetType {
  private readonly cursor: RemoteCursor;

  constructor(cursor: RemoteCursor) {
    super();
    this.cursor = cursor;
  }

  override eq(other: CursorWidget): boolean {
    return other.cursor.peerId === this.cursor.peerId && other.cursor.name === this.cursor.name;
  }

  override toDOM(): HTMLElement {
    const mark = document.createElement("span");
    mark.className = `remote-cursor remote-cursor-${colourOf(this.cursor.peerId)}`;
    mark.dataset.testid = "remote-cursor";
    // Drawn by the style sheet, so that the name never counts as text of the cell.
    mark.dataset.name = this.cursor.name;
    return mark;
  }
}

export const showCursors = StateEffect.define<readonly RemoteCursor[]>();

export const remoteCursors: Extension = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update(marks, transaction) {
    let next = marks.map(transaction.changes);
    for (const effect of transaction.effects) {
      if (!effect.is(showCursors)) continue;
      const { doc } = transaction.state;
      const ranges = effect.value.map((cursor) => {
        const line = doc.line(Math.min(Math.max(cursor.line, 0) + 1, doc.lines));
        const at = Math.min(line.from + Math.max(cursor.column, 0), line.to);
        return Decoration.widget({ widget: new CursorWidget(cursor), side: 1 }).range(at);
      });
      next = Decoration.set(ranges, true);
    }
    return next;
  },
  provide: (field) => EditorView.decorations.from(field),
});
