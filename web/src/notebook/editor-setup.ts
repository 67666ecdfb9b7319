// How a cell's editor behaves and looks; colours come from the page's variables.
import {
  acceptCompletion,
  autocompletion,
  type CompletionContext,
  type CompletionResult,
  closeBrackets,
  closeBracketsKeymap,
  closeCompletion,
  completionKeymap,
  completionStatus,
  insertCompletionText,
  startCompletion,
} from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentLess, indentMore } from "@codemirror/commands";
import { python } from "@codemirror/lang-python";
import {
  bracketMatching,
  defineLanguageFacet,
  HighlightStyle,
  indentOnInput,
  indentUnit,
  Language,
  syntaxHighlighting,
} from "@codemirror/language";
import { EditorSelection, EditorState, type Extension, Prec } from "@codemirror/state";
import { type Command, drawSelection, EditorView, highlightSpecialChars, keymap } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { parser as markdownParser } from "@lezer/markdown";
import { messageOf } from "../api/http";
import type { CellType } from "./cells";
import type { Completion } from "./completion";
import { type Ask, closeInspection, inspection, isBehindCode, tell } from "./inspect";
import { lineNumbering } from "./line-numbers";
import { remoteCursors } from "./remote-cursors";

export interface EditorOptions {
  parent: HTMLElement;
  source: string;
  language: CellType;
  readOnly: boolean;
  label: string;
  binding: Extension;
  complete(code: string, position: number): Promise<Completion[]>;
  inspect: Ask;
  runAdvance(): void;
  runStay(): void;
  runInsert(): void;
  split(at: number): void;
  leave(): void;
  leaveUp(): void;
  leaveDown(): void;
  focused(): void;
  blurred(): void;
  cursorAt(line: number, column: number): void;
}

/** The package for Markdown would bring HTML, CSS and JavaScript along. */
const markdownLanguage = new Language(defineLanguageFacet(), markdownParser, [], "markdown");

const highlight = HighlightStyle.define([
  { tag: [tags.keyword, tags.modifier, tags.operatorKeyword], color: "var(--code-keyword)" },
  { tag: [tags.string, tags.special(tags.string)], color: "var(--code-string)" },
  { tag: [tags.number, tags.bool, tags.null, tags.atom], color: "var(--code-number)" },
  { tag: [tags.comment, tags.meta], color: "var(--code-comment)", fontStyle: "italic" },
  {
    tag: [tags.function(tags.variableName), tags.function(tags.propertyName)],
    color: "var(--code-function)",
  },
  {
    tag: [tags.definition(tags.variableName), tags.className, tags.typeName],
    color: "var(--code-definition)",
  },
  { tag: [tags.heading], fontWeight: "650" },
  { tag: tags.emphasis, fontStyle: "italic" },
  { tag: tags.strong, fontWeight: "650" },
  { tag: [tags.link, tags.url], color: "var(--code-string)" },
]);

const look = EditorView.theme({
  "&": { color: "var(--ink)", backgroundColor: "transparent", fontSize: "var(--code-size)" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.55", overflowX: "auto" },
  ".cm-content": { padding: "10px 0", caretColor: "var(--accent)" },
  ".cm-line": { padding: "0 14px" },
  ".cm-cursor": { borderLeftColor: "var(--accent)", borderLeftWidth: "2px" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": {
    backgroundColor: "var(--selection)",
  },
  "&.cm-focused .cm-matchingBracket": { backgroundColor: "var(--selection)", outline: "none" },
  ".cm-tooltip": {
    border: "1px solid var(--line)",
    borderRadius: "8px",
    overflow: "hidden",
    backgroundColor: "var(--surface)",
    boxShadow: "var(--shadow)",
  },
  ".cm-tooltip.cm-tooltip-autocomplete > ul": {
    fontFamily: "var(--mono)",
    fontSize: "13px",
    maxHeight: "14em",
  },
  ".cm-tooltip-autocomplete > ul > li": { padding: "2px 10px" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li[aria-selected]": {
    backgroundColor: "var(--accent)",
    color: "var(--accent-ink)",
  },
  ".cm-specialChar": { color: "var(--bad)" },
});

/** Whether there is no row of text above or below the cursor: a long line of prose takes several rows. */
function isAtEdge(view: EditorView, edge: "start" | "end"): boolean {
  const { main } = view.state.selection;
  const { doc } = view.state;
  const line = doc.lineAt(main.head);
  if (line.number !== (edge === "start" ? 1 : doc.lines)) return false;
  const moved = view.moveVertically(main, edge === "end");
  const [here, there] = [main, moved].map(({ head, assoc }) => view.coordsAtPos(head, assoc || 1));
  // What is not laid out cannot be compared.
  if (!here || !there) return true;
  return Math.abs(there.top - here.top) < (here.bottom - here.top) / 2;
}

/** At the edge of the text the arrow goes on to the next cell. */
function atEdge(edge: "start" | "end", go: () => void): Command {
  return (view) => {
    const { main, ranges } = view.state.selection;
    if (!main.empty || ranges.length > 1 || !isAtEdge(view, edge)) return false;
    go();
    return true;
  };
}

/** What is pasted or dropped may come from another system; a notebook's lines end with a line feed alone. */
function withPlainLineEnds(text: string): string {
  return text.replace(/\r\n?/g, "\n");
}

function does(action: () => void): Command {
  return () => {
    action();
    return true;
  };
}

/** The Tab key asks the kernel behind code; at the start of a line, and in text, it indents. */
const completeBehindCode: Command = (view) => isBehindCode(view) && startCompletion(view);

function completions(ask: EditorOptions["complete"]) {
  return async ({ state, pos, view }: CompletionContext): Promise<CompletionResult | null> => {
    /** Whether nobody went on typing meanwhile, or went away. */
    const isHere = () =>
      view?.state.doc === state.doc &&
      view.state.selection.main.head === pos &&
      completionStatus(view.state) !== null;
    const items = await ask(state.doc.toString(), pos).catch((error: unknown) => {
      if (view && isHere()) tell(view, messageOf(error));
      return [];
    });
    const first = items[0];
    if (first === undefined) return null;
    // The only way on is taken at once.
    if (items.length === 1 && view && isHere()) {
      view.dispatch(insertCompletionText(state, first.label, first.from, first.to));
      return null;
    }
    return {
      from: first.from,
      to: first.to,
      options: items.map(({ label, kind }) => (kind === undefined ? { label } : { label, type: kind })),
      validFor: /^\w*$/,
    };
  };
}

function languageOf(type: CellType): Extension {
  if (type === "code")
    return [python(), indentUnit.of("    "), bracketMatching(), closeBrackets(), indentOnInput()];
  return type === "markdown" ? [markdownLanguage, EditorView.lineWrapping] : EditorView.lineWrapping;
}

/** Frames in which editors and texts around a place that was just scrolled to may still find their heights. */
const SETTLING = 30;

/** Selects a part of the text and brings it into the middle of the window, where no bar covers it. */
export function show(view: EditorView, from: number, to: number): void {
  const range = EditorSelection.range(from, to);
  const effects = EditorView.scrollIntoView(range, { y: "center" });
  view.dispatch({ selection: range, effects });
  const settle = (frames: number) =>
    requestAnimationFrame(() => {
      if (!view.dom.isConnected || !view.state.selection.main.eq(range)) return;
      const { top } = view.coordsAtPos(from) ?? { top: 0 };
      if (top < innerHeight / 4 || top > (innerHeight * 3) / 4) view.dispatch({ effects });
      if (frames > 1) settle(frames - 1);
    });
  settle(SETTLING);
}

export function createEditor(options: EditorOptions): EditorView {
  const keys = Prec.highest(
    keymap.of([
      { key: "Shift-Enter", run: does(options.runAdvance) },
      { key: "Mod-Enter", run: does(options.runStay) },
      { key: "Ctrl-Enter", run: does(options.runStay) },
      { key: "Alt-Enter", run: does(options.runInsert) },
      {
        key: "Ctrl-Shift--",
        run: ({ state }) => {
          options.split(state.selection.main.head);
          return true;
        },
      },
      { key: "Ctrl-m", run: does(options.leave) },
      { key: "Tab", run: acceptCompletion },
      { key: "Tab", run: completeBehindCode },
      { key: "Tab", run: indentMore, shift: indentLess },
    ]),
  );
  const edges = keymap.of([
    { key: "Escape", run: does(options.leave) },
    { key: "ArrowUp", run: atEdge("start", options.leaveUp) },
    { key: "ArrowDown", run: atEdge("end", options.leaveDown) },
  ]);
  const view = new EditorView({
    parent: options.parent,
    state: EditorState.create({
      doc: EditorState.create({ extensions: EditorState.lineSeparator.of("\n") }).toText(options.source),
      extensions: [
        options.language === "code" ? inspection(options.inspect) : [],
        keys,
        keymap.of(completionKeymap),
        edges,
        options.binding,
        EditorView.clipboardInputFilter.of(withPlainLineEnds),
        history(),
        lineNumbering(),
        drawSelection(),
        highlightSpecialChars(),
        languageOf(options.language),
        options.language === "code"
          ? autocompletion({
              override: [completions(options.complete)],
              activateOnTyping: false,
              icons: false,
            })
          : [],
        syntaxHighlighting(highlight),
        look,
        keymap.of([...closeBracketsKeymap, ...defaultKeymap, ...historyKeymap]),
        EditorState.readOnly.of(options.readOnly),
        EditorView.editable.of(!options.readOnly),
        // The Tab key indents in an editor, so it leads past it: Enter on the cell goes in. A text that cannot be edited
        // is reached, to be scrolled.
        EditorView.contentAttributes.of({
          "aria-label": options.label,
          tabindex: options.readOnly ? "0" : "-1",
        }),
        remoteCursors,
        EditorView.domEventHandlers({ focus: () => options.focused(), blur: () => options.blurred() }),
        EditorView.updateListener.of(({ view, state, selectionSet, docChanged, focusChanged }) => {
          if (!view.hasFocus || !(selectionSet || docChanged || focusChanged)) return;
          const { head } = state.selection.main;
          const line = state.doc.lineAt(head);
          options.cursorAt(line.number - 1, head - line.from);
        }),
      ],
    }),
  });
  // What hangs at the cursor, or was asked for there, goes with the focus.
  view.dom.addEventListener("focusout", ({ relatedTarget }) => {
    // Without the focus on anything else, the window has lost it.
    if (view.dom.contains((relatedTarget ?? document.activeElement) as Node | null)) return;
    // The editor may be amid a change.
    queueMicrotask(() => {
      closeCompletion(view);
      closeInspection(view);
    });
  });
  return view;
}
