// Draws a chart from its JSON, in the frame of a chart or within an Output widget. The libraries are loaded with the
// first chart of their kind.
import { record } from "../api/shape";

/** Ends what was drawn, before something else is. */
export type Drawn = () => void;

async function draw(place: HTMLElement, mime: string, json: string, dark: boolean): Promise<Drawn> {
  const chart = record(JSON.parse(json));
  if (chart === undefined) throw new Error("its JSON is no object");
  if (/\.plotly\./.test(mime)) {
    const { drawPlotly } = await import("./draw-plotly");
    return drawPlotly(place, chart);
  }
  const { drawVega } = await import("./draw-vega");
  return drawVega(place, chart, { mode: /\.vegalite\./.test(mime) ? "vega-lite" : "vega", dark });
}

/** A chart that cannot be drawn says why in its place. */
export async function drawChart(
  place: HTMLElement,
  mime: string,
  json: string,
  dark: boolean,
): Promise<Drawn> {
  try {
    return await draw(place, mime, json, dark);
  } catch (error) {
    const note = document.createElement("p");
    note.className = "note";
    note.textContent = `The chart could not be drawn: ${error instanceof Error ? error.message : error}`;
    place.replaceChildren(note);
    return () => undefined;
  }
}
