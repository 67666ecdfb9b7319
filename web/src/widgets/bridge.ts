// Between the widget frames of one notebook, its documents and its kernel: every frame shows what CommsDoc holds, and
// what a person does in one frame is written there, from where the kernel, the other frames and the other pages have it.
import { record, type Shape, text } from "../api/shape";
import type { NotebookStore } from "../notebook/store";
import { mebibytes } from "../sync/frames";
import { mapOf } from "../sync/shapes";
import { toastError } from "../ui/toasts";
import { fromWire, toWire } from "./buffers";
import { tellCallback } from "./callback";
import type { FromFrame, ModelState, ToFrame } from "./messages";
import { isLink, namedIn, resolveState } from "./state";
import { CommsWriter } from "./write";

/** What people do is written this often at most. */
const WRITE_MS = 50;
/** A value of more text than this goes to the kernel by a message, and comes into the document as a blob. */
const INLINE_MAX = 64 * 1024;
/** How long a message of the kernel waits for the state that was written before it. */
const HEADS_MS = 2_000;
const MESSAGES_HELD = 1_024;
/** What callbacks say is told to who has used a widget so recently. */
const USED_MS = 60_000;

type State = Readonly<Record<string, unknown>>;
type Unsent = Extract<FromFrame, { type: "state" }>;

/** One frame and what it was told. */
export class Frame {
  readonly root: string;
  readonly send: (message: ToFrame, transfer?: Transferable[]) => void;
  /** The traits that each of its models was last told, as the document holds them. */
  readonly told = new Map<string, State>();
  /** What is told goes out in order, though some of it lies in blobs. */
  line: Promise<unknown> = Promise.resolve();

  constructor(root: string, send: Frame["send"]) {
    this.root = root;
    this.send = send;
  }

  tell(prepare: () => Promise<ToFrame | undefined>): void {
    this.line = this.line
      .then(prepare)
      .then((message) => message && this.send(message))
      .catch((error: unknown) => toastError("A widget cannot be shown as it is.", error));
  }
}

export class WidgetBridge {
  private readonly store: NotebookStore;
  private readonly writer: CommsWriter;
  private readonly frames = new Set<Frame>();
  private readonly links = new Map<string, readonly string[]>();
  private readonly seen = new Set<string>();
  /** What people did since the last write, by frame. */
  private pending: { frame: Frame; said: Unsent }[] = [];
  private writeTimer: ReturnType<typeof setTimeout> | undefined;
  private written = 0;
  /** When somebody last did something with a widget here. */
  private used = 0;
  private held: { message: Shape; heads: readonly string[]; until: number }[] = [];

  private static readonly known = new WeakMap<NotebookStore, WidgetBridge>();

  /** The one bridge of a notebook. */
  static of(store: NotebookStore): WidgetBridge {
    const known = WidgetBridge.known.get(store);
    if (known) return known;
    const bridge = new WidgetBridge(store);
    WidgetBridge.known.set(store, bridge);
    return bridge;
  }

  private constructor(store: NotebookStore) {
    this.store = store;
    const { comms } = store.documents;
    this.writer = new CommsWriter(store.api, comms);
    comms.onPatches((_patches, origin) => {
      this.update(origin);
      this.release();
    });
    store.onBroadcast((message) => this.broadcast(message));
  }

  /** Whether there is something to show: state without an entry means nothing (documents 9). */
  isShown(id: string): boolean {
    return this.isOpen(id) && this.store.documents.comms.value.comms?.[id] !== undefined;
  }

  /** Whether the kernel knows the widget. */
  isOpen(id: string): boolean {
    return mapOf(this.store.documents.runtime.value.comms)?.[id] !== undefined;
  }

  /** Shows a widget in a frame, with every model it needs. */
  add(frame: Frame): void {
    this.frames.add(frame);
    this.show(frame);
    frame.tell(async () => ({ type: "widget-show", id: frame.root }));
  }

  remove(frame: Frame): void {
    this.frames.delete(frame);
  }

  /** What a frame says of the models that it shows; it is let go on in any case. */
  hear(frame: Frame, said: FromFrame): void {
    if (said.type === "ready" || said.type === "height" || !frame.told.has(said.id)) return;
    this.used = Date.now();
    if (said.type === "custom") {
      const data = { method: "custom", content: said.content };
      this.message(said.id, data, said.buffers)
        .catch((error: unknown) => toastError("The widget's message was not sent.", error))
        .finally(() => frame.send({ type: "widget-sent", message: said.message }));
    } else {
      this.pending.push({ frame, said });
      this.writeTimer ??= setTimeout(() => this.write(), Math.max(0, this.written + WRITE_MS - Date.now()));
    }
  }

  /** Tells a frame the models it needs and does not know: what its root names, and links between two of those. */
  private async models(root: string, known: Frame["told"]): Promise<ModelState[]> {
    const comms = this.store.documents.comms.value.comms ?? {};
    const models = new Map<string, ModelState>();
    const reach = async (ids: readonly string[]): Promise<void> => {
      for (const id of ids) {
        const state = comms[id];
        if (state === undefined || models.has(id)) continue;
        const model = { id, state: await resolveState(this.store.id, state) };
        models.set(id, model);
        await reach(namedIn(model.state));
      }
    };
    await reach([root]);
    await this.addLinks(comms, models, reach);
    for (const [id] of models) {
      const state = comms[id];
      if (state !== undefined && !known.has(id)) known.set(id, state);
      else models.delete(id);
    }
    return [...models.values()];
  }

  /** A link acts wherever one of its ends is shown. */
  private async addLinks(
    comms: Readonly<Record<string, State>>,
    models: ReadonlyMap<string, ModelState>,
    reach: (ids: readonly string[]) => Promise<void>,
  ): Promise<void> {
    for (const [id, state] of Object.entries(comms)) {
      if (models.has(id) || !isLink(state)) continue;
      const ends = this.links.get(id) ?? namedIn(await resolveState(this.store.id, state));
      this.links.set(id, ends);
      if (ends.some((end) => models.has(end))) await reach([id]);
    }
  }

  private show(frame: Frame): void {
    frame.tell(async () => {
      const models = await this.models(frame.root, frame.told);
      if (models.length === 0) return undefined;
      // What changed while they were put together is told after them.
      queueMicrotask(() => this.update("later"));
      return { type: "widget-models", models };
    });
  }

  /** Whether a frame has set a trait anew that is not written yet. */
  private isSaid(frame: Frame, id: string, key: string): boolean {
    return this.pending.some(
      ({ frame: from, said }) =>
        from === frame &&
        said.id === id &&
        (key in said.state || said.paths.some(([first]) => first === key)),
    );
  }

  /** Tells each frame what changed, except what it did itself. */
  private update(origin: object | string): void {
    const comms = this.store.documents.comms.value.comms ?? {};
    const fresh = Object.keys(comms).filter((id) => !this.seen.has(id));
    for (const id of fresh) this.seen.add(id);
    const isLinked = fresh.some((id) => isLink(comms[id] ?? {}));
    for (const frame of this.frames) {
      const news: (() => Promise<ToFrame>)[] = [];
      let grows = isLinked || !frame.told.has(frame.root);
      for (const [id, told] of frame.told) {
        const now = comms[id];
        if (now === undefined || now === told) continue;
        const changed = Object.entries(now).filter(
          ([key, value]) => told[key] !== value && !this.isSaid(frame, id, key),
        );
        frame.told.set(id, now);
        if (changed.length === 0 || origin === frame) continue;
        grows ||= changed.some(([, value]) => typeof value === "object");
        const state = Object.fromEntries(changed);
        news.push(async () => ({
          type: "widget-update",
          model: { id, state: await resolveState(this.store.id, state) },
        }));
      }
      // New children come before the state that names them.
      if (grows) this.show(frame);
      for (const prepare of news) frame.tell(prepare);
    }
  }

  private async write(): Promise<void> {
    this.writeTimer = undefined;
    this.written = Date.now();
    const pending = this.pending.splice(0);
    const large: Unsent[] = [];
    for (const frame of new Set(pending.map((one) => one.frame))) {
      const states = new Map<string, Record<string, unknown>>();
      for (const { said } of pending.filter((one) => one.frame === frame)) {
        const isLarge = said.buffers.length > 0 || JSON.stringify(said.state).length > INLINE_MAX;
        if (isLarge) large.push(said);
        else states.set(said.id, { ...states.get(said.id), ...said.state });
      }
      if (!this.store.canEdit.peek()) continue;
      this.writer.write(frame, states);
    }
    for (const said of large) {
      const data = { method: "update", state: said.state, buffer_paths: said.paths };
      await this.message(said.id, data, said.buffers).catch((error: unknown) =>
        toastError("What was put into the widget was not sent.", error),
      );
    }
    for (const { frame, said } of pending) frame.send({ type: "widget-sent", message: said.message });
  }

  /** A message for the kernel, behind what was written before it. */
  private async message(id: string, data: Shape, buffers: readonly ArrayBuffer[]): Promise<void> {
    if (!this.store.canRun.peek()) {
      throw new Error("It runs code, which only those may who may run cells.");
    }
    if (this.writeTimer !== undefined && data.method === "custom") {
      clearTimeout(this.writeTimer);
      await this.write();
    }
    await this.store.sendComm(
      {
        header: {
          msg_id: crypto.randomUUID(),
          msg_type: "comm_msg",
          session: "",
          username: "",
          version: "5.3",
        },
        content: { comm_id: id, data },
        buffers: buffers.map(toWire),
      },
      this.store.documents.comms.heads(),
    );
  }

  /** A message of the kernel's side of a widget, which is in no document. */
  private broadcast(message: Shape): void {
    const event = text(message, "event");
    if (event === "comm_too_large") this.lost(message);
    if (event === "callback_output" && Date.now() - this.used < USED_MS) tellCallback(message);
    if (event !== "comm") return;
    const heads = Array.isArray(message.comms_heads) ? message.comms_heads.map(String) : [];
    if (this.held.length >= MESSAGES_HELD) this.held.shift();
    this.held.push({ message, heads, until: Date.now() + HEADS_MS });
    this.release();
  }

  /** A message that the room could not carry: whoever looks at the widget is told. */
  private lost(message: Shape): void {
    const id = text(message, "comm_id") ?? "";
    if (![...this.frames].some((frame) => frame.told.has(id))) return;
    const sizes = [message.bytes, message.limit].map((bytes) => mebibytes(Number(bytes)));
    const error = new Error(`It has ${sizes[0]}; at most ${sizes[1]} can be sent at once.`);
    toastError("A message of the kernel did not reach the widget.", error);
  }

  /** Hands on the messages whose state has come, in their order. */
  private release(): void {
    for (;;) {
      const first = this.held[0];
      if (first === undefined) return;
      const isDue = this.store.documents.comms.has(first.heads) || Date.now() >= first.until;
      if (!isDue) {
        setTimeout(() => this.release(), first.until - Date.now());
        return;
      }
      this.held.shift();
      this.deliver(first.message);
    }
  }

  private deliver(message: Shape): void {
    const content = record(message.content);
    const id = text(content, "comm_id") ?? "";
    const data = record(content?.data);
    if (text(data, "method") !== "custom") return;
    for (const frame of this.frames) {
      if (!frame.told.has(id)) continue;
      frame.tell(async () => ({
        type: "widget-custom",
        id,
        content: data?.content,
        buffers: fromWire(message.buffers),
      }));
    }
  }
}
