// Modal dialogs on the browser's own <dialog>: focus is kept inside and returned afterwards.
import { signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import { Toasts } from "./toasts";

/** The open dialogs, the topmost last. What lies outside of it can be neither seen well nor reached. */
const open = signal<readonly string[]>([]);

interface DialogProps {
  title: string;
  testId: string;
  onClose(): void;
  children: ComponentChildren;
}

export function Dialog({ title, testId, onClose, children }: DialogProps) {
  const ref = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const before = document.activeElement;
    ref.current?.showModal();
    open.value = [...open.peek(), id];
    return () => {
      open.value = open.peek().filter((other) => other !== id);
      // Somebody may have gone on since the dialog went.
      const isLost = document.activeElement === null || document.activeElement === document.body;
      if (isLost && before instanceof HTMLElement) before.focus();
    };
  }, [id]);
  return (
    <dialog ref={ref} class="dialog" aria-labelledby={id} data-testid={testId} onClose={onClose}>
      <h2 id={id}>{title}</h2>
      {children}
      {open.value.at(-1) === id && <Toasts />}
    </dialog>
  );
}

/** The messages of the page itself; while a dialog is open they are shown in it. */
export function PageToasts() {
  return open.value.length === 0 ? <Toasts /> : null;
}

interface Question {
  title: string;
  text: string;
  action: string;
  isUsual: boolean;
  answer(yes: boolean): void;
}

const question = signal<Question | undefined>(undefined);

/** Asks before something that cannot be taken back; what is usual is done by Enter. */
export function confirm(title: string, text: string, action: string, isUsual = false): Promise<boolean> {
  return new Promise((resolve) => {
    question.value = {
      title,
      text,
      action,
      isUsual,
      answer: (yes) => {
        question.value = undefined;
        resolve(yes);
      },
    };
  });
}

export function Confirmation() {
  const asked = question.value;
  if (asked === undefined) return null;
  return (
    <Dialog title={asked.title} testId="confirm-dialog" onClose={() => asked.answer(false)}>
      <p class="dialog-text">{asked.text}</p>
      <div class="dialog-actions">
        <button type="button" class="button" onClick={() => asked.answer(false)}>
          Cancel
        </button>
        <button
          type="button"
          class="button button-danger"
          data-testid="confirm-yes"
          autofocus={asked.isUsual}
          onClick={() => asked.answer(true)}
        >
          {asked.action}
        </button>
      </div>
    </Dialog>
  );
}
