// Command mode: single keys while a cell, not its editor, has the focus.
import type { Actions } from "./actions";
import { neighbour } from "./selection";

const DOUBLE_MS = 700;

interface Command {
  /** Pressed once, or twice in a row. */
  keys: readonly string[];
  twice?: true;
  /** Goes on while the key is held down. */
  repeats?: true;
  run(actions: Actions, id: string | undefined): void;
}

const step =
  (by: number): Command["run"] =>
  (actions, id) =>
    actions.selection.command(neighbour(actions.store.cells.value, id, by));

const COMMANDS: readonly Command[] = [
  { keys: ["Enter"], run: (actions, id) => actions.selection.edit(id) },
  { keys: ["ArrowUp", "k"], repeats: true, run: step(-1) },
  { keys: ["ArrowDown", "j"], repeats: true, run: step(1) },
  { keys: ["a"], run: (actions, id) => actions.cells.insertAbove(id) },
  { keys: ["b"], run: (actions, id) => actions.cells.insertBelow(id) },
  { keys: ["d"], twice: true, run: (actions, id) => actions.cells.remove(id) },
  { keys: ["z"], run: (actions) => actions.cells.bringBack() },
  { keys: ["m"], run: (actions, id) => actions.cells.setType(id, "markdown") },
  { keys: ["y"], run: (actions, id) => actions.cells.setType(id, "code") },
  { keys: ["shift+Enter"], run: (actions, id) => actions.runAdvance(id) },
  { keys: ["ctrl+Enter"], run: (actions, id) => actions.runStay(id) },
  { keys: ["ctrl+shift+ArrowUp"], run: (actions, id) => actions.cells.move(id, -1) },
  { keys: ["ctrl+shift+ArrowDown"], run: (actions, id) => actions.cells.move(id, 1) },
  { keys: ["i"], twice: true, run: (actions) => actions.interrupt() },
  { keys: ["0"], twice: true, run: (actions) => actions.restart() },
];

const BY_KEY = new Map(COMMANDS.flatMap((command) => command.keys.map((key) => [key, command] as const)));

export function keyName(event: KeyboardEvent): string {
  const shift = event.shiftKey && event.key.length > 1;
  return `${event.ctrlKey || event.metaKey ? "ctrl+" : ""}${shift ? "shift+" : ""}${event.key}`;
}

export class CommandKeys {
  private readonly actions: Actions;
  /** The first press of a key that wants two. */
  private last: { key: string; id: string | undefined; at: number } | undefined;

  constructor(actions: Actions) {
    this.actions = actions;
  }

  /** True when the key meant something. */
  handle(event: KeyboardEvent): boolean {
    const key = keyName(event);
    const command = event.altKey ? undefined : BY_KEY.get(key);
    if (command === undefined) {
      this.last = undefined;
      return false;
    }
    if (event.repeat && command.repeats === undefined) return true;
    const id = this.actions.selection.cellId.value;
    const before = this.last;
    this.last = undefined;
    if (command.twice !== undefined) {
      const isSecond = before?.key === key && before.id === id && event.timeStamp - before.at < DOUBLE_MS;
      if (!isSecond) {
        this.last = { key, id, at: event.timeStamp };
        return true;
      }
    }
    command.run(this.actions, id);
    return true;
  }
}
