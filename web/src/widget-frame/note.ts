// A widget that cannot be shown says why.
import { DOMWidgetView } from "@jupyter-widgets/base";

export function note(text: string): HTMLElement {
  const element = document.createElement("p");
  element.className = "note";
  element.textContent = text;
  return element;
}

export class NoteView extends DOMWidgetView {
  override render(): void {
    const error: unknown = this.model.get("error");
    this.el.append(note(error instanceof Error ? error.message : String(this.model.get("msg"))));
  }
}
