// The field under a cell that asks for input (D12).
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { toastError } from "../ui/toasts";
import type { PendingInput } from "./executions";
import type { NotebookStore } from "./store";

interface InputPromptProps {
  store: NotebookStore;
  executionId: string;
  asked: PendingInput;
}

export function InputPrompt({ store, executionId, asked }: InputPromptProps) {
  const field = useRef<HTMLInputElement>(null);
  const [sending, setSending] = useState(false);
  const id = useId();
  // Whoever runs cells is asked; the field takes the focus only when the cell that asks has it.
  useEffect(() => {
    const cell = field.current?.closest("[data-testid=cell]");
    if (cell?.contains(document.activeElement)) field.current?.focus();
  }, []);
  if (!store.canRun.value) return <p class="output-note">The cell waits for its owner's input.</p>;
  const send = async (event: Event) => {
    event.preventDefault();
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
        disabled={sending}
      />
      <button type="submit" class="button" data-testid="input-send" disabled={sending}>
        Send
      </button>
    </form>
  );
}
