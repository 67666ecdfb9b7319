// Terminal text drawn without components: for the editor's tooltips and the frame of widgets.
import { ansiPieces } from "./ansi";

export function appendAnsi(to: HTMLElement, content: string): void {
  for (const { text, classes, color, background } of ansiPieces(content)) {
    const span = document.createElement("span");
    span.className = classes;
    span.style.color = color ?? "";
    span.style.backgroundColor = background ?? "";
    span.textContent = text;
    to.append(span);
  }
}
