// The Output widget: shows what it captured, as the page shows the outputs of a cell.
import { DOMWidgetModel, DOMWidgetView } from "@jupyter-widgets/base";
import { Widget } from "@lumino/widgets";
import { record, type Shape, text } from "../api/shape";
import { type Drawn, drawChart } from "../chart-frame/draw";
import { runIn } from "../output-frame/run";
import { appendAnsi } from "../outputs/append-ansi";
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
  appendAnsi(pre, content);
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

/** What shown outputs still need once they stand in the document. */
interface Parts {
  /** The widgets among them, and where each goes. */
  nested: { view: DOMWidgetView; place: HTMLElement }[];
  /** Charts take the width of their places. */
  charts: (() => Promise<Drawn>)[];
}

function chart(mime: string, content: unknown, { charts }: Parts): HTMLElement {
  const place = document.createElement("div");
  const json = typeof content === "string" ? content : JSON.stringify(content);
  charts.push(() => drawChart(place, mime, json, document.documentElement.dataset.theme === "dark"));
  return place;
}

/** The richest form of a display that is shown here. */
function display(data: Shape, metadata: unknown, parts: Parts): HTMLElement {
  const of = (mime: string) => joined(data[mime]);
  const alt = of("text/plain");
  const image = ["image/png", "image/jpeg", "image/gif", "image/webp"].find((mime) => mime in data);
  const charted = Object.keys(data).find(isChart);
  if (charted !== undefined) return chart(charted, data[charted], parts);
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

function removeNested(view: DOMWidgetView): void {
  const { luminoWidget } = view;
  // It does not hear that what it stands in has left the document.
  if (!luminoWidget.node.isConnected) luminoWidget.clearFlag(Widget.Flag.IsAttached);
  view.remove();
}

export class OutputView extends DOMWidgetView {
  private round = 0;
  /** Of the charts and the nested widgets that stand. */
  private ends: Drawn[] = [];

  override render(): void {
    super.render();
    this.el.classList.add("output-area");
    this.listenTo(this.model, "change:outputs", () => this.draw());
    this.draw();
  }

  override remove(): void {
    this.round += 1;
    this.replaceEnds([]);
    super.remove();
  }

  private replaceEnds(next: Drawn[]): void {
    for (const end of this.ends) end();
    this.ends = next;
  }

  private async draw(): Promise<void> {
    this.round += 1;
    const round = this.round;
    const parts: Parts = { nested: [], charts: [] };
    const outputs: unknown = this.model.get("outputs");
    const shown = await Promise.all(
      (Array.isArray(outputs) ? outputs : []).map((output) => this.element(record(output), parts)),
    );
    const ends = parts.nested.map<Drawn>(
      ({ view }) =>
        () =>
          removeNested(view),
    );
    if (round !== this.round) {
      for (const end of ends) end();
      return;
    }
    this.replaceEnds(ends);
    this.el.replaceChildren(...shown);
    await this.displayed;
    if (ends !== this.ends) return;
    for (const rich of this.el.querySelectorAll(".rich")) setInk(rich);
    for (const { view, place } of parts.nested) {
      if (place.isConnected) Widget.attach(view.luminoWidget, place);
    }
    for (const start of parts.charts) {
      start().then((end) => {
        if (ends === this.ends) ends.push(end);
        else end();
      });
    }
  }

  private async element(output: Shape | undefined, parts: Parts): Promise<HTMLElement> {
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
          ? display(data, output?.metadata, parts)
          : this.nested(text(view, "model_id") ?? "", parts);
      }
    }
  }

  private async nested(id: string, { nested }: Parts): Promise<HTMLElement> {
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
