// The document of a chart's frame. It runs in a sandbox without an origin of its own, reaches neither the page nor the
// server, and draws the chart whose JSON the page sends; the libraries are loaded with the first chart of their kind.
import "../ui/palette.css";
import "./frame.css";
import { record } from "../api/shape";
import { watchOutward } from "../output-frame/outward";

/** Ends what was drawn, before something else is. */
export type Drawn = () => void;

const root = document.getElementById("chart") ?? document.body;
const tell = (message: Record<string, unknown>) => parent.postMessage(message, "*");

async function draw(place: HTMLElement, mime: string, content: string, dark: boolean): Promise<Drawn> {
  const chart = record(JSON.parse(content));
  if (chart === undefined) throw new Error("its JSON is no object");
  if (/\.plotly\./.test(mime)) {
    const { drawPlotly } = await import("./draw-plotly");
    return drawPlotly(place, chart);
  }
  const { drawVega } = await import("./draw-vega");
  return drawVega(place, chart, { mode: /\.vegalite\./.test(mime) ? "vega-lite" : "vega", dark });
}

function showFailure(error: unknown): void {
  const note = document.createElement("p");
  note.className = "failed";
  note.textContent = `The chart could not be drawn: ${error instanceof Error ? error.message : error}`;
  root.replaceChildren(note);
}

let end: Drawn | undefined;
async function show(mime: string, content: string, dark: boolean): Promise<void> {
  end?.();
  end = undefined;
  const place = document.createElement("div");
  root.replaceChildren(place);
  try {
    end = await draw(place, mime, content, dark);
  } catch (error) {
    showFailure(error);
  }
  tell({ type: "notebook-output-drawn" });
}

let shown: string | undefined;
let turn = Promise.resolve();
addEventListener("message", ({ source, data }) => {
  if (source !== parent || typeof data !== "object" || data === null) return;
  const { type, mime, content, dark } = data;
  if (type !== "notebook-output-render" || typeof mime !== "string" || typeof content !== "string") return;
  const key = `${mime}\n${dark}\n${content}`;
  if (key === shown) return;
  shown = key;
  document.documentElement.dataset.theme = dark === true ? "dark" : "light";
  // One after the other; of those that wait, the last only.
  turn = turn.then(() => (key === shown ? show(mime, content, dark === true) : undefined));
});

watchOutward(tell);
let last = -1;
new ResizeObserver(() => {
  const height = document.body.offsetHeight;
  if (height === last) return;
  last = height;
  tell({ type: "notebook-output-height", height });
}).observe(document.body);
tell({ type: "notebook-output-ready" });
