// The model's end of a comm: what a model says goes to the page, which alone speaks to the room.
import type { ICallbacks, IClassicComm } from "@jupyter-widgets/base";
import { tell } from "./page";

type Handler = (message: unknown) => void;

const waiting = new Map<string, ICallbacks>();
let next = 1;

/** The page dealt with a message: the model's throttle lets the next one go. */
export function sent(message: string): void {
  const callbacks = waiting.get(message);
  waiting.delete(message);
  callbacks?.iopub?.status?.({ content: { execution_state: "idle" } } as never);
}

export class FrameComm implements IClassicComm {
  readonly comm_id: string;
  readonly target_name = "jupyter.widget";
  private handler: Handler | undefined;

  constructor(id: string) {
    this.comm_id = id;
  }

  /** What the kernel or another page did. */
  receive(data: Record<string, unknown>, buffers: readonly DataView[] = []): void {
    this.handler?.({ content: { comm_id: this.comm_id, data }, buffers });
  }

  on_msg(handler: Handler): void {
    this.handler = handler;
  }

  on_close(): void {
    // What was shown last stays.
  }

  send(
    data: unknown,
    callbacks?: ICallbacks,
    _metadata?: unknown,
    buffers?: ArrayBuffer[] | ArrayBufferView[],
  ): string {
    const message = String(next++);
    const { method, state, buffer_paths, content } = data as Record<string, unknown>;
    if (callbacks) waiting.set(message, callbacks);
    const common = { id: this.comm_id, message, buffers: buffers ?? [] };
    if (method === "custom") tell({ type: "widget-custom", ...common, content });
    else tell({ type: "widget-state", ...common, state, paths: buffer_paths ?? [] });
    return message;
  }

  open(): string {
    return "";
  }

  close(): string {
    return "";
  }
}
