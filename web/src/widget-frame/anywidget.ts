// A host for anywidget: the widget's module comes in its state and is run here, in the sandbox.
import { DOMWidgetModel, DOMWidgetView } from "@jupyter-widgets/base";
import { note } from "./note";

type Cleanup = (() => unknown) | undefined;

/** What a module of a widget offers (the Anywidget Front-End Module). */
interface Definition {
  initialize?(context: object): unknown;
  render?(context: object): unknown;
}

/** How long the kernel may take to answer a command. */
const INVOKE_LIMIT_MS = 10_000;

function isUrl(text: string): boolean {
  return /^https?:\/\//.test(text);
}

async function load(esm: string): Promise<Definition> {
  if (isUrl(esm))
    throw new Error(`This widget loads its code from ${esm}, and nothing is loaded from elsewhere here.`);
  const url = URL.createObjectURL(new Blob([esm], { type: "text/javascript" }));
  try {
    const module = await import(/* @vite-ignore */ url);
    const given: unknown = module.default ?? module;
    return (typeof given === "function" ? await given() : given) as Definition;
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    const remote = /https?:\/\//.test(esm)
      ? "\nHint: nothing is loaded from elsewhere here: bundle what it imports."
      : "";
    throw new Error(`The code of this widget cannot be run: ${text}${remote}`);
  } finally {
    URL.revokeObjectURL(url);
  }
}

/** The model as a widget's module sees it. */
function proxyOf(model: AnyModel): object {
  return {
    get: (key: string) => model.get(key),
    set: (key: string, value: unknown) => model.set(key, value),
    save_changes: () => model.save_changes(),
    on: (name: string, callback: (...args: unknown[]) => void) => model.on(name, callback),
    off: (name?: string | null, callback?: (...args: unknown[]) => void) =>
      model.off(name ?? undefined, callback),
    send: (content: never, callbacks?: never, buffers?: ArrayBuffer[]) =>
      model.send(content, callbacks, buffers),
    widget_manager: { get_model: (id: string) => model.widget_manager.get_model(id) },
  };
}

function invokerOf(model: AnyModel): object {
  const invoke = (
    name: string,
    message: unknown,
    options: { buffers?: ArrayBuffer[]; signal?: AbortSignal } = {},
  ) => {
    const id = crypto.randomUUID();
    const signal = options.signal ?? AbortSignal.timeout(INVOKE_LIMIT_MS);
    return new Promise((resolve, reject) => {
      const stop = () => model.off("msg:custom", answer);
      const answer = (content: Record<string, unknown>, buffers: DataView[]) => {
        if (content?.id !== id || content.kind !== "anywidget-command-response") return;
        stop();
        resolve([content.response, buffers]);
      };
      signal.addEventListener("abort", () => {
        stop();
        reject(signal.reason);
      });
      model.on("msg:custom", answer);
      const command = { id, kind: "anywidget-command", name, msg: message };
      model.send(command as never, undefined, options.buffers ?? []);
    });
  };
  return { invoke };
}

export class AnyModel extends DOMWidgetModel {
  // Declared only: the model's constructor, which runs before fields are set, starts the module.
  /** The module, initialised for this model; again when its code changes. */
  declare loaded: Promise<Definition>;
  declare private end: AbortController | undefined;

  override initialize(attributes: never, options: never): void {
    super.initialize(attributes, options);
    this.on("change:_esm", () => this.start());
    this.on("change:_css", () => this.style());
    this.start();
    this.style();
  }

  private start(): void {
    this.end?.abort();
    const end = new AbortController();
    this.end = end;
    this.loaded = load(String(this.get("_esm"))).then(async (definition) => {
      const context = { model: proxyOf(this), signal: end.signal, experimental: invokerOf(this) };
      const cleanup = (await definition.initialize?.(context)) as Cleanup;
      if (typeof cleanup === "function") end.signal.addEventListener("abort", () => cleanup());
      return definition;
    });
    this.loaded.catch(() => undefined);
    this.trigger("loaded");
  }

  private style(): void {
    const id = `style-${this.model_id}`;
    const style = document.getElementById(id) ?? document.createElement("style");
    style.id = id;
    const css: unknown = this.get("_css");
    style.textContent = typeof css === "string" ? css : "";
    document.head.append(style);
  }
}

export class AnyView extends DOMWidgetView {
  private end: AbortController | undefined;

  override async render(): Promise<void> {
    this.listenTo(this.model, "loaded", () => this.draw());
    await this.draw();
  }

  private async draw(): Promise<void> {
    this.end?.abort();
    const end = new AbortController();
    this.end = end;
    const model = this.model as AnyModel;
    this.el.replaceChildren();
    try {
      const definition = await model.loaded;
      if (end.signal.aborted) return;
      const context = {
        model: proxyOf(model),
        el: this.el,
        signal: end.signal,
        experimental: invokerOf(model),
      };
      const cleanup = (await definition.render?.(context)) as Cleanup;
      if (typeof cleanup === "function") end.signal.addEventListener("abort", () => cleanup());
    } catch (error) {
      this.el.replaceChildren(note(error instanceof Error ? error.message : String(error)));
    }
  }

  override remove(): unknown {
    this.end?.abort();
    return super.remove();
  }
}
