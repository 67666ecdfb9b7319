// The manager of one frame: its models live here, what they hold comes from the page.
import * as base from "@jupyter-widgets/base";
import { ManagerBase } from "@jupyter-widgets/base-manager";
import * as controls from "@jupyter-widgets/controls";
import type { ModelState } from "../widgets/messages";
import * as anywidget from "./anywidget";
import { FrameComm } from "./comm";
import { typeset } from "./maths";
import { NoteView } from "./note";
import * as output from "./output";

type WidgetClass = typeof base.WidgetModel | typeof base.WidgetView;

const MODULES: Readonly<Record<string, Record<string, unknown>>> = {
  "@jupyter-widgets/base": { ...base, ErrorWidgetView: NoteView },
  "@jupyter-widgets/controls": controls as unknown as Record<string, unknown>,
  "@jupyter-widgets/output": output,
  anywidget,
};

/** Modules of other packages, loaded with their first widget. */
const LOADED: Readonly<Record<string, () => Promise<Record<string, unknown>>>> = {
  "jupyter-matplotlib": () => import("jupyter-matplotlib"),
};

function missing(module: string): Error {
  return new Error(
    `This widget is made by the JavaScript module “${module}”, which is not loaded here.\n` +
      "Hint: widgets of ipywidgets, anywidget and ipympl work; ask for an anywidget version of this one, or show its data another way.",
  );
}

export class FrameManager extends ManagerBase {
  /** The name by which the controls ask for formulas to be set. */
  readonly _rendermime = { latexTypesetter: { typeset } };
  private readonly comms = new Map<string, FrameComm>();

  /** Makes the models at once, so that those that name each other find each other. */
  open(models: readonly ModelState[]): void {
    for (const { id, state } of models) {
      if (this.comms.has(id)) this.update({ id, state });
      else {
        const comm = new FrameComm(id);
        this.comms.set(id, comm);
        const options = {
          model_name: String(state._model_name),
          model_module: String(state._model_module),
          model_module_version: String(state._model_module_version),
          model_id: id,
          comm,
        };
        this.new_model(options, { ...state } as never).catch((error: unknown) => console.error(error));
      }
    }
  }

  /** What is about to be sent from here is newer than what comes. */
  async update({ id, state }: ModelState): Promise<void> {
    const model = await this.get_model(id);
    const { _msg_buffer: unsent } = model as unknown as { _msg_buffer: object | null };
    const news = Object.fromEntries(Object.entries(state).filter(([key]) => !(unsent && key in unsent)));
    this.comms.get(id)?.receive({ method: "update", state: news });
  }

  async custom(id: string, content: unknown, buffers: readonly ArrayBuffer[]): Promise<void> {
    await this.get_model(id);
    const views = buffers.map((buffer) => new DataView(buffer));
    this.comms.get(id)?.receive({ method: "custom", content }, views);
  }

  protected override async loadClass(name: string, module: string): Promise<WidgetClass> {
    const known = MODULES[module] ?? (await LOADED[module]?.());
    if (known === undefined) throw missing(module);
    const found = known[name];
    if (typeof found !== "function") {
      throw new Error(
        `The module “${module}” has no “${name}”.\nHint: the kernel's package may be newer than this page.`,
      );
    }
    return found as WidgetClass;
  }

  protected override _create_comm(): Promise<never> {
    return Promise.reject(new Error("A widget here cannot make widgets of its own."));
  }

  protected override async _get_comm_info(): Promise<object> {
    return {};
  }
}
