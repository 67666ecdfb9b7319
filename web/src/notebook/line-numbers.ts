// Whether editors number their lines; remembered in this browser.
import { Compartment, type Extension, RangeSetBuilder, type StateEffect } from "@codemirror/state";
import { Decoration, type DecorationSet, EditorView, ViewPlugin } from "@codemirror/view";
import { Choice } from "../ui/choice";

export const lineNumbers = new Choice("line-numbers");

/** The visible lines, each with its number; the editor's own gutters are many times as large. */
function numbered(view: EditorView): DecorationSet {
  const lines = new RangeSetBuilder<Decoration>();
  for (const { from, to } of view.visibleRanges) {
    for (let at = from; at <= to; ) {
      const line = view.state.doc.lineAt(at);
      lines.add(line.from, line.from, Decoration.line({ attributes: { "data-line": String(line.number) } }));
      at = line.to + 1;
    }
  }
  return lines.finish();
}

const plugin = ViewPlugin.define(
  (view) => ({
    lines: numbered(view),
    update({ docChanged, viewportChanged, view: now }) {
      if (docChanged || viewportChanged) this.lines = numbered(now);
    },
  }),
  { decorations: ({ lines }) => lines },
);

const look = EditorView.theme({
  ".cm-line[data-line]": { position: "relative", paddingLeft: "46px" },
  ".cm-line[data-line]::before": {
    position: "absolute",
    left: "0",
    width: "32px",
    color: "var(--ink-soft)",
    textAlign: "right",
    content: "attr(data-line)",
  },
});

const place = new Compartment();
const numbers = (shown: boolean): Extension => (shown ? [plugin, look] : []);

export function lineNumbering(): Extension {
  return place.of(numbers(lineNumbers.on.peek()));
}

/** Brings an editor to what is chosen. */
export function numberLines(shown: boolean): StateEffect<unknown> {
  return place.reconfigure(numbers(shown));
}
