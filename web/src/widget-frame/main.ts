// The document of a widget frame. It runs in a sandbox without an origin of its own, reaches neither the page nor the
// server, and shows one widget: what it knows and what a person does goes by messages.
import "../ui/palette.css";
import "../outputs/ansi.css";
import "@lumino/widgets/style/index.css";
import "@jupyter-widgets/base/css/index.css";
import "@jupyter-widgets/controls/css/widgets-base.css";
import "font-awesome/css/font-awesome.min.css";
import "./frame.css";
import type { DOMWidgetView } from "@jupyter-widgets/base";
import { MessageLoop } from "@lumino/messaging";
import { Widget } from "@lumino/widgets";
import { watchHeight } from "../output-frame/height";
import { watchOutward } from "../output-frame/outward";
import type { ToFrame } from "../widgets/messages";
import { sent } from "./comm";
import { FrameManager } from "./manager";
import { note } from "./note";
import { tell } from "./page";

const root = document.getElementById("widget") ?? document.body;
const manager = new FrameManager();

async function show(id: string): Promise<void> {
  try {
    const model = await manager.get_model(id);
    const view = (await manager.create_view(model)) as DOMWidgetView;
    root.replaceChildren();
    Widget.attach(view.luminoWidget, root);
    addEventListener("resize", () => {
      MessageLoop.postMessage(view.luminoWidget, Widget.ResizeMessage.UnknownSize);
    });
  } catch (error) {
    root.replaceChildren(note(error instanceof Error ? error.message : String(error)));
  }
}

function look(dark: boolean, usable: boolean): void {
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  root.inert = !usable;
}

function take(message: ToFrame): void {
  switch (message.type) {
    case "widget-models":
      manager.open(message.models);
      break;
    case "widget-show":
      show(message.id);
      break;
    case "widget-update":
      manager.update(message.model);
      break;
    case "widget-custom":
      manager.custom(message.id, message.content, message.buffers);
      break;
    case "widget-sent":
      sent(message.message);
      break;
    case "widget-look":
      look(message.dark, message.usable);
      break;
  }
}

watchOutward(tell);
addEventListener("message", (event) => {
  if (event.source === parent && typeof event.data?.type === "string") take(event.data);
});
watchHeight((height) => tell({ type: "widget-height", height }));
tell({ type: "widget-ready" });
