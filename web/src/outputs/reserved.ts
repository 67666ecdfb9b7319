// The heights of outputs, kept in this tab: after a reload each has its place before its content has come, and what is
// below does not move.
import { useEffect, useState } from "preact/hooks";

const KEY = "output-heights";
/** How many outputs' heights are kept at most. */
const LIMIT = 2_000;
/** How long a place is held for what loads into it. */
const HELD_MS = 10_000;

function read(): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(sessionStorage.getItem(KEY) ?? "{}") ?? {};
  } catch {
    return {};
  }
}

let heights = read();

/** Notes the heights of the outputs in the page. */
function keep(): void {
  const places = [...document.querySelectorAll<HTMLElement>("[data-output]")].slice(0, LIMIT);
  if (places.length === 0) return;
  heights = Object.fromEntries(places.map((place) => [place.dataset.output, place.offsetHeight]));
  try {
    sessionStorage.setItem(KEY, JSON.stringify(heights));
  } catch {
    // A browser without storage, or with a full one: outputs take their place as they come.
  }
}

/** Keeps the heights when the notebook is left or the page goes. */
export function useKeptHeights(): void {
  useEffect(() => {
    addEventListener("pagehide", keep);
    return () => {
      removeEventListener("pagehide", keep);
      keep();
    };
  }, []);
}

/** The height to hold for an output that was in the page before, in CSS pixels; nothing once it has had time to load. */
export function useReservedHeight(output: string): number | undefined {
  const [height, setHeight] = useState(() => heights[output]);
  useEffect(() => {
    if (height === undefined) return;
    const timer = setTimeout(() => setHeight(undefined), HELD_MS);
    return () => clearTimeout(timer);
  }, [height]);
  return typeof height === "number" ? height : undefined;
}
