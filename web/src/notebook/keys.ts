// Command mode: single keys while a cell, not its editor, has the focus.
import type { Actions } from "./actions";
import { COMMANDS } from "./commands";

const DOUBLE_MS = 700;
const BY_KEY = new Map(COMMANDS.flatMap((command) => command.keys.map((key) => [key, command] as const)));

/** A key with what is held down, as `ctrl+shift+ArrowUp` or `shift+v`; the lock of capitals makes no difference. */
export function keyName({ key, ctrlKey, metaKey, altKey, shiftKey }: KeyboardEvent): string {
  const isLetter = key.length === 1 && key.toLowerCase() !== key.toUpperCase();
  const shift = shiftKey && (isLetter || key.length > 1);
  const held = [(ctrlKey || metaKey) && "ctrl+", altKey && "alt+", shift && "shift+"].filter(Boolean);
  return held.join("") + (isLetter ? key.toLowerCase() : key);
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
    const command = BY_KEY.get(key);
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
    command.run(this.actions, id, this.actions.selected.value);
    return true;
  }
}
