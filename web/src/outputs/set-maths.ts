// Markdown and formulas put into elements.
import type { FindPicture } from "./markdown-pictures";
import { type MathPiece, takeMaths } from "./maths";

/** Puts an empty span where a formula's placeholder stood, and returns the spans with their formulas. */
function placeMaths(root: HTMLElement, maths: readonly MathPiece[]): [HTMLElement, MathPiece][] {
  const placed: [HTMLElement, MathPiece][] = [];
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  const nodes: Text[] = [];
  while (walker.nextNode()) if (walker.currentNode instanceof Text) nodes.push(walker.currentNode);
  for (const node of nodes) {
    const parts = node.data.split(/\ue000(\d+)\ue001/);
    if (parts.length === 1) continue;
    const pieces = parts.map((part, i) => {
      const piece = i % 2 === 1 ? maths[Number(part)] : undefined;
      if (piece === undefined) return document.createTextNode(part);
      const span = document.createElement("span");
      span.textContent = piece.tex;
      placed.push([span, piece]);
      return span;
    });
    node.replaceWith(...pieces);
  }
  return placed;
}

async function setMaths(placed: readonly [HTMLElement, MathPiece][]): Promise<void> {
  if (placed.length === 0) return;
  const [{ default: katex }] = await Promise.all([import("katex"), import("katex/dist/katex.min.css")]);
  for (const [span, { tex, display }] of placed) {
    katex.render(tex, span, { displayMode: display, throwOnError: false, trust: false, maxExpand: 1_000 });
  }
}

/** Renders Markdown into an element; returns what lets go of its pictures. */
export async function fillMarkdown(
  element: HTMLElement,
  source: string,
  find: FindPicture,
  isCurrent: () => boolean,
): Promise<() => void> {
  const [{ markdownHtml }, { setLinks }, { setPictures }, { setStyles }, { setTasks }, { setCode }] =
    await Promise.all([
      import("./markdown-html"),
      import("./markdown-links"),
      import("./markdown-pictures"),
      import("./markdown-styles"),
      import("./markdown-tasks"),
      import("./markdown-code"),
    ]);
  if (!isCurrent()) return () => undefined;
  const { html, maths } = markdownHtml(source);
  element.innerHTML = html;
  setStyles(element);
  setLinks(element);
  setTasks(element);
  setCode(element);
  const release = setPictures(element, find);
  await setMaths(placeMaths(element, maths));
  return release;
}

/** Sets the formulas that stand in an element's text. */
export async function setMathsIn(element: HTMLElement): Promise<void> {
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  const nodes: Text[] = [];
  while (walker.nextNode()) if (walker.currentNode instanceof Text) nodes.push(walker.currentNode);
  const placed: [HTMLElement, MathPiece][] = [];
  for (const node of nodes) {
    const { text, maths } = takeMaths(node.data);
    if (maths.length === 0) continue;
    const box = document.createElement("span");
    box.textContent = text;
    placed.push(...placeMaths(box, maths));
    node.replaceWith(box);
  }
  await setMaths(placed);
}
