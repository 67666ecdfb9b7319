// Preformatted text; the keyboard can reach it while it is wider or much higher than its place, to scroll it.
import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

/** From this height on a text has a place of a fixed height, which is lower: nobody scrolls for a line or two. */
const TALL_PX = 800;

interface ScrolledProps {
  /** Whether its end is shown first, and followed while more comes. */
  fromEnd?: boolean;
  children: ComponentChildren;
}

export function Scrolled({ fromEnd = false, children }: ScrolledProps) {
  const ref = useRef<HTMLPreElement>(null);
  const isAtEnd = useRef(true);
  const [wide, setWide] = useState(false);
  const [tall, setTall] = useState(false);
  const [whole, setWhole] = useState(false);
  const measure = () => {
    if (ref.current === null) return;
    setWide(ref.current.scrollWidth > ref.current.clientWidth);
    setTall(ref.current.scrollHeight > TALL_PX);
  };
  const boxed = tall && !whole;
  // Before the next paint: what is below would move down and up.
  useLayoutEffect(measure, [children]);
  useLayoutEffect(() => {
    if (boxed && fromEnd && isAtEnd.current && ref.current) ref.current.scrollTop = ref.current.scrollHeight;
  }, [children, boxed]);
  useEffect(() => {
    if (ref.current === null) return;
    const observer = new ResizeObserver(measure);
    observer.observe(ref.current);
    return () => observer.disconnect();
  }, []);
  return (
    <>
      <pre
        ref={ref}
        class={boxed ? "is-boxed" : ""}
        tabIndex={wide || boxed ? 0 : undefined}
        onScroll={({ currentTarget: { scrollTop, clientHeight, scrollHeight } }) => {
          isAtEnd.current = scrollTop + clientHeight > scrollHeight - 4;
        }}
      >
        {children}
      </pre>
      {tall && (
        <button
          type="button"
          class="button button-quiet show-all"
          data-testid="show-height"
          onClick={() => setWhole(!whole)}
        >
          {whole ? "Show in a box" : "Show in full height"}
        </button>
      )}
    </>
  );
}
