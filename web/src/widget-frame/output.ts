// The Output widget: shows what it captured, as the page shows the outputs of a cell.
import { DOMWidgetModel, DOMWidgetView } from "@jupyter-widgets/base";
import { Widget } from "@lumino/widgets";
import { record, type Shape, text } from "../api/shape";
import { type Drawn, drawChart } from "../chart-frame/draw";
import { runIn } from "../output-frame/run";
import { ansiPieces } from "../outputs/ansi";
import { setInk } from "../outputs/ink";
import { isChart } from "../outputs/model";
import { placeStyle, readSize } from "../outputs/picture-size";
import { typeset } from "./maths";
import { note } from "./note";

export const WIDGET_VIEW = "application/vnd.jupyter.widget-view+json";

export class OutputModel extends DOMWidgetModel {
  override defaults(): never {
    return {
      ...super.defaults(),
      _model_name: "OutputModel",
      _view_name: "OutputView",
      _model_module: "@jupyter-widgets/output",
      _view_module: "@jupyter-widgets/output",
      msg_id: "",
      outputs: [],
    } as never;
  }
}

function terminal(content: string, className: string): HTMLElement {
  const pre = document.createElement("pre");
  pre.className = className;
  for (const { text, classes, color, background } of ansiPieces(content)) {
    const span = document.createElement("span");
    span.className = classes;
    span.style.color = color ?? "";
    span.style.backgroundColor = background ?? "";
    span.textContent = text;
    pre.append(span);
  }
  return pre;
}

/** nbformat allows a text to be a list of lines. */
function joined(value: unknown): string {
  return Array.isArray(value) ? value.join("") : String(value ?? "");
}

function html(content: string, className = "rich"): HTMLElement {
  const box = document.createElement("div");
  box.className = className;
  box.innerHTML = content;
  for (const old of box.querySelectorAll("script")) {
    const script = document.createElement("script");
    for (const { name, value } of old.attributes) script.setAttribute(name, value);
    script.textContent = old.textContent;
    old.replaceWith(script);
  }
  return box;
}

function script(content: string): HTMLElement {
  const element = document.createElement("div");
  // When it stands in the document, as its script may expect.
  requestAnimationFrame(() => {
    const why = runIn(element, content);
    if (why !== undefined) element.append(terminal(why, "stderr"));
  });
  return element;
}

function picture(mime: string, content: string, alt: string, metadata: unknown): HTMLElement {
  const image = new Image();
  image.src = `data:${mime};base64,${content.replace(/\s/g, "")}`;
  image.alt = alt;
  Object.assign(image.style, placeStyle(readSize(metadata, mime)));
  return image;
}

function formula(content: string): HTMLElement {
  const box = document.createElement("div");
  box.textContent = content;
  typeset(box);
  return box;
}

function markdown(content: string): HTMLElement {
  const box = document.createElement("div");
  box.className = "markdown";
  box.textContent = content;
  import("../outputs/set-maths").then(({ fillMarkdown }) =>
    fillMarkdown(
      box,
      content,
      () => undefined,
      () => true,
    ),
  );
  return box;
}

/** Drawn when it stands in the document, whose width it takes. */
function chart(mime: string, content: unknown, ends: Drawn[]): HTMLElement {
  const place = document.createElement("div");
  const json = typeof content === "string" ? content : JSON.stringify(content);
  requestAnimationFrame(async () => {
    const end = await drawChart(place, mime, json, document.documentElement.dataset.theme === "dark");
    if (place.isConnected) ends.push(end);
    else end();
  });
  return place;
}

/** The richest form of a display that is shown here. */
function display(data: Shape, metadata: unknown, ends: Drawn[]): HTMLElement {
  const of = (mime: string) => joined(data[mime]);
  const alt = of("text/plain");
  const image = ["image/png", "image/jpeg", "image/gif", "image/webp"].find((mime) => mime in data);
  const charted = Object.keys(data).find(isChart);
  if (charted !== undefined) return chart(charted, data[charted], ends);
  if ("text/html" in data) return html(of("text/html"));
  if ("text/markdown" in data) return markdown(of("text/markdown"));
  if ("text/latex" in data) return formula(of("text/latex"));
  if ("application/javascript" in data) return script(of("application/javascript"));
  if ("image/svg+xml" in data) return html(of("image/svg+xml"), "drawing");
  if (image !== undefined) return picture(image, of(image), alt, metadata);
  if (alt !== "") return terminal(alt, "plain");
  const json = data["application/json"];
  return terminal(json === undefined ? Object.keys(data).join(", ") : JSON.stringify(json, null, 2), "plain");
}

/** A widget among what was captured, and where it goes once that is shown. */
interface Nested {
  view: DOMWidgetView;
  place: HTMLElement;
}

export class OutputView extends DOMWidgetView {
  private round = 0;
  /** Of the charts that stand. */
  private ends: Drawn[] = [];

  override render(): void {
    super.render();
    this.el.classList.add("output-area");
    this.listenTo(this.model, "change:outputs", () => this.draw());
    this.draw();
  }

  override remove(): void {
    for (const end of this.ends) end();
    super.remove();
  }

  private async draw(): Promise<void> {
    this.round += 1;
    const round = this.round;
    const nested: Nested[] = [];
    const ends: Drawn[] = [];
    const outputs: unknown = this.model.get("outputs");
    const shown = await Promise.all(
      (Array.isArray(outputs) ? outputs : []).map((output) => this.element(record(output), nested, ends)),
    );
    if (round !== this.round) return;
    for (const end of this.ends) end();
    this.ends = ends;
    this.el.replaceChildren(...shown);
    await this.displayed;
    for (const rich of this.el.querySelectorAll(".rich")) setInk(rich);
    for (const { view, place } of nested) if (place.isConnected) Widget.attach(view.luminoWidget, place);
  }

  private async element(output: Shape | undefined, nested: Nested[], ends: Drawn[]): Promise<HTMLElement> {
    switch (text(output, "output_type")) {
      case "stream":
        return terminal(joined(output?.text), output?.name === "stderr" ? "stderr" : "plain");
      case "error":
        return terminal(
          Array.isArray(output?.traceback) && output.traceback.length > 0
            ? output.traceback.join("\n")
            : `${output?.ename}: ${output?.evalue}`,
          "stderr",
        );
      default: {
        const data = record(output?.data) ?? {};
        const view = record(data[WIDGET_VIEW]);
        return view === undefined
          ? display(data, output?.metadata, ends)
          : this.nested(text(view, "model_id") ?? "", nested);
      }
    }
  }

  private async nested(id: string, nested: Nested[]): Promise<HTMLElement> {
    try {
      const model = await this.model.widget_manager.get_model(id);
      const view = (await this.create_child_view(model)) as DOMWidgetView;
      const place = document.createElement("div");
      nested.push({ view, place });
      return place;
    } catch {
      return note("This widget is gone.");
    }
  }
}
