// The field under a cell that asks for input (D12).
import "./input-prompt.css";
import type { RefObject } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { toastError } from "../ui/toasts";
import type { Actions } from "./actions";
import type { CellView } from "./cells";
import type { PendingInput } from "./executions";

interface InputPromptProps {
  actions: Actions;
  cell: CellView;
  executionId: string;
  asked: PendingInput;
}

/** Whether the focus is where nobody writes: nowhere, on a cell, on its buttons or those that run, in an empty cell. */
function isFocusFree({ store, selection }: Actions): boolean {
  const active = document.activeElement;
  if (active === null || active === document.body || active === selection.home) return true;
  const section = active.closest<HTMLElement>('[data-testid="cell"]');
  if (active.matches("input, textarea, select, iframe")) return false;
  if (!active.matches('[contenteditable="true"]')) {
    return section !== null || active.closest('[role="toolbar"]') !== null;
  }
  const cell = store.cells.peek().find(({ id }) => id === section?.dataset.cellId);
  return cell?.source === "";
}

/**
 * The field takes the focus in the tab that ran the cell, if nobody writes there; the focus goes back with the question.
 */
function useFocus(
  field: RefObject<HTMLInputElement | null>,
  { actions, cell, executionId }: InputPromptProps,
): void {
  useEffect(() => {
    const form = field.current?.form;
    if (form === null || form === undefined) return;
    const before = document.activeElement;
    const takes = actions.store.hasStarted(executionId) && isFocusFree(actions);
    if (takes) field.current?.focus();
    return () => {
      const { activeElement } = document;
      const isLost = activeElement === null || activeElement === document.body;
      if (!form.contains(activeElement) && !(takes && isLost)) return;
      const isThere = takes && before instanceof HTMLElement && before.isConnected;
      if (isThere && before !== document.body) before.focus();
      else actions.selection.command(cell.id);
    };
  }, []);
}

export function InputPrompt(props: InputPromptProps) {
  const { actions, executionId, asked } = props;
  const { store } = actions;
  const field = useRef<HTMLInputElement>(null);
  const [sending, setSending] = useState(false);
  const id = useId();
  useFocus(field, props);
  if (!store.canRun.value) return <p class="output-note">The cell waits for its owner's input.</p>;
  const send = async (event: Event) => {
    event.preventDefault();
    if (sending) return;
    setSending(true);
    try {
      await store.answerInput(executionId, field.current?.value ?? "");
      // The field goes with the question; it stays when the cell has asked again already.
      if (field.current) field.current.value = "";
    } catch (error) {
      toastError("The input was not sent.", error);
    }
    setSending(false);
    field.current?.focus();
  };
  const type = asked.password ? { type: "password" as const } : { type: "text" as const };
  return (
    <form class="input-prompt" data-testid="input-prompt" onSubmit={send}>
      <label for={id}>{asked.prompt.trim() === "" ? "Input" : asked.prompt}</label>
      <input
        ref={field}
        id={id}
        class="input-field"
        data-testid="input-field"
        {...type}
        autocomplete="off"
        spellcheck={false}
        readOnly={sending}
      />
      <button type="submit" class="button" data-testid="input-send" disabled={sending}>
        Send
      </button>
    </form>
  );
}
