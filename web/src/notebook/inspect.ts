// What the kernel knows of the name before the cursor: Shift+Tab shows it, and once more shows its source.
import { type Extension, Prec, StateEffect, StateField } from "@codemirror/state";
import { type Command, EditorView, keymap, showTooltip, type Tooltip } from "@codemirror/view";
import { messageOf } from "../api/http";
import { appendAnsi } from "../outputs/append-ansi";

/** Asks the kernel: nothing is known, or terminal text; more of it with a higher detail. */
export type Ask = (code: string, position: number, detail: 0 | 1) => Promise<string | undefined>;

interface Shown {
  position: number;
  detail: 0 | 1;
  text: string;
}

const show = StateEffect.define<Shown | undefined>();

function draw(shown: Shown): HTMLElement {
  const dom = document.createElement("div");
  dom.className = "cm-inspect";
  // It is announced where the focus stays; the keyboard scrolls it by tabbing into it.
  dom.setAttribute("role", "status");
  dom.setAttribute("data-testid", "inspect");
  dom.tabIndex = 0;
  const pre = document.createElement("pre");
  appendAnsi(pre, shown.text);
  dom.append(pre);
  return dom;
}

function tooltipOf(shown: Shown): Tooltip {
  return { pos: shown.position, create: () => ({ dom: draw(shown) }) };
}

const field = StateField.define<Shown | undefined>({
  create: () => undefined,
  update(shown, transaction) {
    for (const effect of transaction.effects) if (effect.is(show)) return effect.value;
    return transaction.docChanged || transaction.selection ? undefined : shown;
  },
  provide: (from) => showTooltip.from(from, (shown) => (shown === undefined ? null : tooltipOf(shown))),
});

/** Whether there is code between the start of the line and the one cursor: else Tab and Shift+Tab move the line. */
export function isBehindCode({ state }: EditorView): boolean {
  const { main, ranges } = state.selection;
  const { from } = state.doc.lineAt(main.head);
  return main.empty && ranges.length === 1 && /\S/.test(state.sliceDoc(from, main.head));
}

/** Says something at the cursor, until somebody goes on typing. */
export function tell(view: EditorView, text: string): void {
  view.dispatch({ effects: show.of({ position: view.state.selection.main.head, detail: 1, text }) });
}

function inspect(ask: Ask): Command {
  return (view) => {
    if (!isBehindCode(view)) return false;
    const { main } = view.state.selection;
    const last = view.state.field(field);
    const position = main.head;
    const detail = last?.position === position && last.detail === 0 ? 1 : 0;
    const answer = (text: string) => {
      const now = view.state.field(field);
      // Whoever went on typing, or closed it, asked for nothing any more.
      if (now?.position === position && now.detail === detail) {
        view.dispatch({ effects: show.of({ position, detail, text }) });
      }
    };
    view.dispatch({ effects: show.of({ position, detail, text: "Looking it up…" }) });
    ask(view.state.doc.toString(), position, detail).then(
      (text) => answer(text ?? "The kernel knows nothing of this."),
      (error: unknown) => answer(messageOf(error)),
    );
    return true;
  };
}

export const closeInspection: Command = (view) => {
  if (view.state.field(field, false) === undefined) return false;
  view.dispatch({ effects: show.of(undefined) });
  return true;
};

const look = EditorView.baseTheme({
  ".cm-tooltip.cm-inspect": { maxWidth: "min(640px, 86vw)", maxHeight: "320px", overflow: "auto" },
  ".cm-inspect pre": {
    margin: "0",
    padding: "8px 12px",
    font: "12.5px / 1.5 var(--mono)",
    whiteSpace: "pre-wrap",
    overflowWrap: "anywhere",
  },
});

export function inspection(ask: Ask): Extension {
  const keys = [
    { key: "Shift-Tab", run: inspect(ask) },
    { key: "Escape", run: closeInspection },
  ];
  return [field, look, Prec.highest(keymap.of(keys))];
}
