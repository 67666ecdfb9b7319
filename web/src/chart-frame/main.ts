// The document of a chart's frame. It runs in a sandbox without an origin of its own, reaches neither the page nor the
// server, and draws the chart whose JSON the page sends; the libraries are loaded with the first chart of their kind.
import "../ui/palette.css";
import "./frame.css";
import { watchHeight } from "../output-frame/height";
import { watchOutward } from "../output-frame/outward";
import { type Drawn, drawChart } from "./draw";

const root = document.getElementById("chart") ?? document.body;
const tell = (message: Record<string, unknown>) => parent.postMessage(message, "*");

let end: Drawn | undefined;
async function show(mime: string, content: string, dark: boolean): Promise<void> {
  end?.();
  end = undefined;
  const place = document.createElement("div");
  root.replaceChildren(place);
  end = await drawChart(place, mime, content, dark);
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
watchHeight((height) => tell({ type: "notebook-output-height", height }));
tell({ type: "notebook-output-ready" });
