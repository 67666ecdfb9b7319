// Short messages about what just happened; errors stay until dismissed.
import { signal } from "@preact/signals";
import { messageOf } from "../api/http";
import { IconClose } from "./icons";

/** A way back or on, offered with a message. */
export interface ToastAction {
  label: string;
  run(): void;
}

interface Toast {
  id: number;
  tone: "info" | "error";
  text: string;
  action?: ToastAction | undefined;
  /** Whether it makes no room for others. */
  lasts?: boolean;
}

const SHOWN_MS = 4_000;
/** A message with a way back stays longer. */
const OFFERED_MS = 10_000;
const toasts = signal<readonly Toast[]>([]);
let next = 1;

function dismiss(id: number): void {
  toasts.value = toasts.value.filter((toast) => toast.id !== id);
}

/** Says something for a while; the answer takes it away sooner. */
export function toast(text: string, action?: ToastAction): () => void {
  const id = next++;
  // What is said again takes the place of what was said before, with its way back.
  toasts.value = [...toasts.value.filter((other) => other.text !== text), { id, tone: "info", text, action }];
  setTimeout(() => dismiss(id), action === undefined ? SHOWN_MS : OFFERED_MS);
  return () => dismiss(id);
}

/** A message that stays until it is dismissed, here or by the answer. */
export function toastStays(text: string, action: ToastAction): () => void {
  const id = next++;
  toasts.value = [...toasts.value, { id, tone: "info", text, action, lasts: true }];
  return () => dismiss(id);
}

/** The same, once: said again, it is there already. */
export function toastLasting(text: string, action: ToastAction): void {
  if (!toasts.value.some((toast) => toast.text === text)) toastStays(text, action);
}

export function toastError(what: string, error: unknown, action?: ToastAction): void {
  const text = `${what} ${messageOf(error)}`;
  if (toasts.value.some((toast) => toast.text === text)) return;
  const lasting = toasts.value.filter(({ lasts }) => lasts);
  const others = toasts.value.filter(({ lasts }) => !lasts).slice(-3);
  toasts.value = [...lasting, ...others, { id: next++, tone: "error", text, action }];
}

export function Toasts() {
  return (
    <div class="toasts" role="status" aria-live="polite" data-testid="toasts">
      {toasts.value.map((toast) => (
        <div key={toast.id} class={`toast toast-${toast.tone}`}>
          <span>{toast.text}</span>
          {toast.action && (
            <button
              type="button"
              class="button button-quiet toast-action"
              data-testid="toast-action"
              onClick={() => {
                dismiss(toast.id);
                toast.action?.run();
              }}
            >
              {toast.action.label}
            </button>
          )}
          <button type="button" class="icon-button" aria-label="Dismiss" onClick={() => dismiss(toast.id)}>
            <IconClose />
          </button>
        </div>
      ))}
    </div>
  );
}
