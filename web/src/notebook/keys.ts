// Command mode: single keys while a cell, not its editor, has the focus.
import type { Actions } from "./actions";
import { neighbour } from "./selection";

const DOUBLE_MS = 700;

type Command = (actions: Actions, id: string | undefined) => void;

const step =
  (by: number): Command =>
  (actions, id) =>
    actions.selection.command(neighbour(actions.store.cells.value, id, by));

const SINGLE: ReadonlyMap<string, Command> = new Map<string, Command>([
  ["Enter", (actions, id) => actions.selection.edit(id)],
  ["ArrowUp", step(-1)],
  ["k", step(-1)],
  ["ArrowDown", step(1)],
  ["j", step(1)],
  ["a", (actions, id) => actions.insertAbove(id)],
  ["b", (actions, id) => actions.insertBelow(id)],
  ["m", (actions, id) => actions.setType(id, "markdown")],
  ["y", (actions, id) => actions.setType(id, "code")],
  ["shift+Enter", (actions, id) => actions.runAdvance(id)],
  ["ctrl+Enter", (actions, id) => actions.runStay(id)],
  ["ctrl+shift+ArrowUp", (actions, id) => actions.move(id, -1)],
  ["ctrl+shift+ArrowDown", (actions, id) => actions.move(id, 1)],
]);

const DOUBLE: ReadonlyMap<string, Command> = new Map<string, Command>([
  ["d", (actions, id) => actions.remove(id)],
  ["i", (actions) => actions.interrupt()],
  ["0", (actions) => actions.restart()],
]);

export function keyName(event: KeyboardEvent): string {
  const shift = event.shiftKey && event.key.length > 1;
  return `${event.ctrlKey || event.metaKey ? "ctrl+" : ""}${shift ? "shift+" : ""}${event.key}`;
}

export class CommandKeys {
  private readonly actions: Actions;
  private last: { key: string; at: number } | undefined;

  constructor(actions: Actions) {
    this.actions = actions;
  }

  /** True when the key meant something. */
  handle(event: KeyboardEvent): boolean {
    if (event.altKey) return false;
    const name = keyName(event);
    const id = this.actions.selection.cellId.value;
    const single = SINGLE.get(name);
    if (single) {
      single(this.actions, id);
      return true;
    }
    const double = DOUBLE.get(name);
    if (double === undefined) return false;
    const again = this.last?.key === name && event.timeStamp - this.last.at < DOUBLE_MS;
    this.last = again ? undefined : { key: name, at: event.timeStamp };
    if (again) double(this.actions, id);
    return true;
  }
}
