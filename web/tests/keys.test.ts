// Single and double keys of command mode.
import { expect, test, vi } from "vitest";
import type { Actions } from "../src/notebook/actions";
import { COMMANDS } from "../src/notebook/commands";
import { CommandKeys, keyName } from "../src/notebook/keys";
import { keysOf } from "../src/notebook/shortcuts";

function keyboard() {
  const cells = { remove: vi.fn(), undo: vi.fn(), redo: vi.fn(), insertBelow: vi.fn() };
  const selection = { cellId: { value: "one" }, command: vi.fn() };
  const actions = { cells, selection, selected: { value: ["one", "two"] }, store: { cells: { value: [] } } };
  const keys = new CommandKeys(actions as unknown as Actions);
  let now = 0;
  const press = (key: string, more: Partial<KeyboardEvent> = {}) => {
    now += 100;
    return keys.handle({ key, timeStamp: now, ...more } as KeyboardEvent);
  };
  return { press, cells, selection };
}

test("d d deletes; d, anything else, d does not", () => {
  const { press, cells, selection } = keyboard();
  for (const other of ["j", "q", "Shift"]) {
    press("d");
    press(other);
    press("d");
    press("q");
  }
  press("d");
  selection.cellId.value = "two";
  press("d");
  expect(cells.remove).not.toHaveBeenCalled();
  press("d");
  expect(cells.remove).toHaveBeenCalledExactlyOnceWith(["one", "two"]);
  press("d");
  expect(cells.remove).toHaveBeenCalledTimes(1);
});

test("a key that is held down does what it does once, but for those that move", () => {
  const { press, cells, selection } = keyboard();
  press("d");
  for (let n = 0; n < 5; n += 1) expect(press("d", { repeat: true })).toBe(true);
  expect(cells.remove).not.toHaveBeenCalled();
  press("b");
  press("b", { repeat: true });
  expect(cells.insertBelow).toHaveBeenCalledTimes(1);
  press("j");
  press("j", { repeat: true });
  expect(selection.command).toHaveBeenCalledTimes(2);
});

test("the keys of undoing act on cells, and never reach the browser", () => {
  const { press, cells } = keyboard();
  expect([press("z", { ctrlKey: true }), press("z")]).toEqual([true, true]);
  expect(cells.undo).toHaveBeenCalledTimes(2);
  expect([press("Z", { ctrlKey: true, shiftKey: true }), press("y", { ctrlKey: true })]).toEqual([
    true,
    true,
  ]);
  expect(cells.redo).toHaveBeenCalledTimes(2);
});

test("each key means one thing", () => {
  const keys = COMMANDS.flatMap((command) => command.keys);
  expect(new Set(keys).size).toBe(keys.length);
});

test("keys are named with what is held down, whatever the lock of capitals says", () => {
  const name = (key: string, more: Partial<KeyboardEvent> = {}) => keyName({ key, ...more } as KeyboardEvent);
  expect(name("D")).toBe("d");
  expect(name("V", { shiftKey: true })).toBe("shift+v");
  expect(name("Enter", { altKey: true })).toBe("alt+Enter");
  expect(name("S", { metaKey: true })).toBe("ctrl+s");
  expect(name("ArrowUp", { ctrlKey: true, shiftKey: true })).toBe("ctrl+shift+ArrowUp");
});

test("combinations are written as on a keyboard", () => {
  expect(keysOf("ctrl+shift+ArrowUp").slice(1)).toEqual(["Shift", "↑"]);
  expect(keysOf("ctrl+shift+-").slice(1)).toEqual(["Shift", "-"]);
  expect(keysOf("d")).toEqual(["D"]);
});
