// Markdown with maths: rendered, sanitised, then the formulas set by KaTeX when there are any.
import { useEffect, useRef } from "preact/hooks";
import type { MathPiece } from "./maths";

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

async function fill(element: HTMLElement, source: string, isCurrent: () => boolean): Promise<void> {
  const { markdownHtml } = await import("./markdown-html");
  if (!isCurrent()) return;
  const { html, maths } = markdownHtml(source);
  element.innerHTML = html;
  for (const link of element.querySelectorAll("a[href]")) {
    link.setAttribute("target", "_blank");
    link.setAttribute("rel", "noopener noreferrer");
  }
  await setMaths(placeMaths(element, maths));
}

export function Markdown({ source }: { source: string }) {
  const root = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = root.current;
    if (element === null) return;
    let current = true;
    fill(element, source, () => current).catch(() => {
      if (current) element.textContent = source;
    });
    return () => {
      current = false;
    };
  }, [source]);
  return <div ref={root} class="markdown" data-testid="markdown" />;
}
