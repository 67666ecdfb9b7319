// Keeps the page still while a cell runs again: the last outputs stay until there are others, and so does their place.
import type { RefObject } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { ExecutionView, OutputRecord } from "../notebook/executions";

/** How long a running cell without outputs shows the last ones: a quick one has its own by then, and nothing blinks. */
const LAST_SHOWN_MS = 400;
/** How long after the end the outputs' place keeps its height: what they load is there by then. */
const PLACE_KEPT_MS = 1_000;
const NONE: readonly OutputRecord[] = [];

type Seen = Pick<ExecutionView, "status" | "outputs">;

function isOver({ status }: Seen): boolean {
  return status !== "queued" && status !== "running";
}

/** What a cell shows: its outputs, or those from before while it waits or has only begun. */
export function useSteadyOutputs(execution: Seen): { outputs: readonly OutputRecord[]; isStale: boolean } {
  const last = useRef(NONE);
  const [isLate, setLate] = useState(false);
  const hasNone = execution.outputs.length === 0;
  const hasBegun = execution.status === "running" && hasNone;
  useEffect(() => {
    setLate(false);
    if (!hasBegun) return;
    const timer = setTimeout(() => setLate(true), LAST_SHOWN_MS);
    return () => clearTimeout(timer);
  }, [hasBegun]);
  if (!hasNone || isOver(execution) || (hasBegun && isLate)) last.current = execution.outputs;
  return { outputs: last.current, isStale: hasNone && last.current.length > 0 };
}

/** The height of what stands in an element, whatever height the element is held at. */
function contentHeight(element: HTMLElement): number {
  const last = element.lastElementChild;
  return last === null ? 0 : last.getBoundingClientRect().bottom - element.getBoundingClientRect().top;
}

/** The greatest of the heights of the last moments, so that what is taken away and comes again leaves no gap between. */
export class RecentHeights {
  private seen: { at: number; height: number }[] = [];

  note(at: number, height: number): void {
    this.seen = this.seen.filter((one) => one.at > at - PLACE_KEPT_MS && one.height > height);
    this.seen.push({ at, height });
  }

  greatest(at: number): number {
    return Math.max(0, ...this.seen.filter((one) => one.at > at - PLACE_KEPT_MS).map(({ height }) => height));
  }
}

/**
 * Holds the height that a cell's outputs have when it is run again until it has ended; while it runs, also the height
 * that they had a moment ago.
 */
export function useSteadyPlace(place: RefObject<HTMLElement | null>, execution: Seen): void {
  const isOpen = !isOver(execution);
  const open = useRef(isOpen);
  // As it was before the run: its first outputs may come together with the word that it has begun.
  const height = useRef(0);
  const recent = useRef(new RecentHeights());
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const hold = () => {
    clearTimeout(timer.current);
    const element = place.current;
    if (element === null || !open.current) return;
    const now = Date.now();
    const natural = contentHeight(element);
    const held = Math.max(height.current, recent.current.greatest(now));
    recent.current.note(now, natural);
    element.style.minHeight = `${held}px`;
    if (held > Math.max(natural, height.current)) timer.current = setTimeout(hold, PLACE_KEPT_MS);
  };
  useLayoutEffect(() => {
    const element = place.current;
    if (element === null) return;
    const observer = new ResizeObserver(() => {
      if (!open.current) height.current = element.offsetHeight;
      else recent.current.note(Date.now(), contentHeight(element));
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, [place]);
  useLayoutEffect(hold, [execution.outputs]);
  useLayoutEffect(() => {
    open.current = isOpen;
    const element = place.current;
    if (element === null) return;
    if (isOpen) {
      hold();
      return;
    }
    clearTimeout(timer.current);
    const over = setTimeout(() => {
      element.style.minHeight = "";
    }, PLACE_KEPT_MS);
    return () => clearTimeout(over);
  }, [place, isOpen]);
}
