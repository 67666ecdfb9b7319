// What the keys of a notebook mean: the table that command mode goes by, and that the list of shortcuts shows.
import type { Actions } from "./actions";
import { lineNumbers } from "./line-numbers";
import { neighbour } from "./selection";

export interface Command {
  /** Each of them alone; as `keyName` writes them. */
  keys: readonly string[];
  /** Pressed two times in a row. */
  twice?: true;
  /** Goes on while the key is held down. */
  repeats?: true;
  /** For people. */
  what: string;
  /** Acts on the selected cell, or on all that are selected. */
  run(actions: Actions, id: string | undefined, ids: readonly string[]): void;
}

interface Shortcut {
  keys: readonly string[];
  twice?: true;
  what: string;
}

const step =
  (by: number): Command["run"] =>
  (actions, id) =>
    actions.selection.command(neighbour(actions.store.cells.value, id, by));

const extend =
  (by: number): Command["run"] =>
  (actions, id) =>
    actions.selection.extend(neighbour(actions.store.cells.value, id, by));

const RUNNING: readonly Command[] = [
  { keys: ["shift+Enter"], what: "Run and go on", run: (actions, _, ids) => actions.runAdvance(ids) },
  { keys: ["ctrl+Enter"], what: "Run and stay", run: (actions, _, ids) => actions.runStay(ids) },
  {
    keys: ["alt+Enter"],
    what: "Run and insert a cell below",
    run: (actions, _, ids) => actions.runInsert(ids),
  },
  { keys: ["i"], twice: true, what: "Interrupt the kernel", run: (actions) => actions.interrupt() },
  { keys: ["0"], twice: true, what: "Restart the kernel", run: (actions) => actions.restart() },
];

const MOVING: readonly Command[] = [
  { keys: ["Enter"], what: "Edit the cell", run: (actions, id) => actions.selection.edit(id) },
  { keys: ["ArrowUp", "k"], repeats: true, what: "To the cell above", run: step(-1) },
  { keys: ["ArrowDown", "j"], repeats: true, what: "To the cell below", run: step(1) },
  {
    keys: ["shift+ArrowUp", "shift+k"],
    repeats: true,
    what: "Select the cell above as well",
    run: extend(-1),
  },
  {
    keys: ["shift+ArrowDown", "shift+j"],
    repeats: true,
    what: "Select the cell below as well",
    run: extend(1),
  },
  {
    keys: ["shift+Home"],
    what: "Select all cells above as well",
    run: (actions) => actions.selection.extend(actions.store.cells.value[0]?.id),
  },
  {
    keys: ["shift+End"],
    what: "Select all cells below as well",
    run: (actions) => actions.selection.extend(actions.store.cells.value.at(-1)?.id),
  },
  {
    keys: ["ctrl+a"],
    what: "Select all cells",
    run: ({ selection, store }) => selection.span(store.cells.value[0]?.id, store.cells.value.at(-1)?.id),
  },
  {
    keys: ["ctrl+shift+ArrowUp"],
    what: "Move the cell up",
    run: (actions, _, ids) => actions.cells.move(ids, -1),
  },
  {
    keys: ["ctrl+shift+ArrowDown"],
    what: "Move the cell down",
    run: (actions, _, ids) => actions.cells.move(ids, 1),
  },
];

const CELLS: readonly Command[] = [
  { keys: ["a"], what: "Insert a cell above", run: (actions, id) => actions.cells.insertAbove(id) },
  { keys: ["b"], what: "Insert a cell below", run: (actions, id) => actions.cells.insertBelow(id) },
  { keys: ["x"], what: "Cut the cell", run: (actions, _, ids) => actions.cells.cut(ids) },
  { keys: ["c"], what: "Copy the cell", run: (actions, _, ids) => actions.cells.copy(ids) },
  { keys: ["v"], what: "Paste below", run: (actions, id) => actions.cells.paste(id, 1) },
  { keys: ["shift+v"], what: "Paste above", run: (actions, id) => actions.cells.paste(id, 0) },
  { keys: ["d"], twice: true, what: "Delete the cell", run: (actions, _, ids) => actions.cells.remove(ids) },
  {
    keys: ["z", "ctrl+z"],
    what: "Undo what was done to cells last: bring a deleted one back",
    run: (actions) => actions.cells.undo(),
  },
  {
    keys: ["shift+z", "ctrl+shift+z", "ctrl+y"],
    what: "Do again what was undone",
    run: (actions) => actions.cells.redo(),
  },
  {
    keys: ["shift+m"],
    what: "Join with the cell below, or those selected",
    run: (actions, _, ids) => actions.cells.join(ids),
  },
  { keys: ["y"], what: "Make it code", run: (actions, _, ids) => actions.cells.setType(ids, "code") },
  { keys: ["m"], what: "Make it text", run: (actions, _, ids) => actions.cells.setType(ids, "markdown") },
  { keys: ["r"], what: "Make it raw", run: (actions, _, ids) => actions.cells.setType(ids, "raw") },
];

const FOLDING: readonly Command[] = [
  {
    keys: ["o"],
    what: "Hide or show the outputs",
    run: (actions, _, ids) => actions.folding.toggle(ids, "outputs"),
  },
  {
    keys: ["shift+o"],
    what: "Hide or show the code or text",
    run: (actions, _, ids) => actions.folding.toggle(ids, "source"),
  },
];

const PAGE: readonly Command[] = [
  { keys: ["l", "shift+l"], what: "Show or hide line numbers", run: lineNumbers.toggle },
  { keys: ["h"], what: "Show this list", run: (actions) => actions.showShortcuts(true) },
];

/** Handled by the page wherever the focus is. */
const EVERYWHERE: readonly Shortcut[] = [
  { keys: ["ctrl+f"], what: "Find and replace in the cells; again: the browser's search" },
  { keys: ["ctrl+s"], what: "Say whether everything is saved; it is saved as you write" },
];

/** Handled by the editor. */
const EDITING: readonly Shortcut[] = [
  { keys: ["Escape"], what: "Leave the editor for the cell" },
  { keys: ["shift+Enter"], what: "Run and go on" },
  { keys: ["ctrl+Enter"], what: "Run and stay" },
  { keys: ["alt+Enter"], what: "Run and insert a cell below" },
  { keys: ["Tab"], what: "Complete the code before the cursor; at the start of a line indent" },
  { keys: ["shift+Tab"], what: "Show what is known of the code before the cursor; again: its source" },
  { keys: ["ctrl+shift+-"], what: "Split the cell at the cursor" },
  { keys: ["ctrl+/"], what: "Comment lines out or in" },
];

export const COMMANDS: readonly Command[] = [...RUNNING, ...MOVING, ...CELLS, ...FOLDING, ...PAGE];

export const SHORTCUTS: readonly { title: string; shortcuts: readonly Shortcut[] }[] = [
  { title: "On a cell: running", shortcuts: RUNNING },
  { title: "On a cell: moving and selecting", shortcuts: MOVING },
  { title: "On a cell: changing", shortcuts: CELLS },
  { title: "On a cell: hiding", shortcuts: FOLDING },
  { title: "While you edit", shortcuts: EDITING },
  { title: "The page", shortcuts: [...PAGE, ...EVERYWHERE] },
];
