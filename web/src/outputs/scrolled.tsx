// Preformatted text; the keyboard can reach it while it is wider than its place, to scroll it.
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

export function Scrolled({ children }: { children: ComponentChildren }) {
  const ref = useRef<HTMLPreElement>(null);
  const [wide, setWide] = useState(false);
  useEffect(() => {
    const element = ref.current;
    if (element === null) return;
    const measure = () => setWide(element.scrollWidth > element.clientWidth);
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    measure();
    return () => observer.disconnect();
  }, [children]);
  return (
    <pre ref={ref} tabIndex={wide ? 0 : undefined}>
      {children}
    </pre>
  );
}
