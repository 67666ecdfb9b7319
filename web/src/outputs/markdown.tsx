// Markdown with maths: rendered, sanitised, then the formulas set by KaTeX when there are any.
import { useEffect, useRef } from "preact/hooks";
import { fillMarkdown } from "./set-maths";

export function Markdown({ source }: { source: string }) {
  const root = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = root.current;
    if (element === null) return;
    let current = true;
    fillMarkdown(element, source, () => current).catch(() => {
      if (current) element.textContent = source;
    });
    return () => {
      current = false;
    };
  }, [source]);
  return <div ref={root} class="markdown" data-testid="markdown" />;
}
