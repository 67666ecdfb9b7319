// Markdown with maths: rendered, sanitised, then the formulas set by KaTeX when there are any.
import { useEffect, useRef } from "preact/hooks";
import { findIn } from "./attachments";
import { fillMarkdown } from "./set-maths";

interface MarkdownProps {
  source: string;
  notebookId: string;
  /** Of the cell, with the pictures that its text shows. */
  attachments?: unknown;
}

export function Markdown({ source, notebookId, attachments }: MarkdownProps) {
  const root = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = root.current;
    if (element === null) return;
    let current = true;
    const filled = fillMarkdown(element, source, findIn(notebookId, attachments), () => current);
    filled.catch(() => {
      if (current) element.textContent = source;
    });
    return () => {
      current = false;
      filled.then(
        (release) => release(),
        () => undefined,
      );
    };
  }, [source, notebookId, attachments]);
  return <div ref={root} class="markdown" data-testid="markdown" />;
}
