// Plotly figures: `data`, `layout`, `config` and `frames`, as plotly.py writes them.
import plotly, { type PlotlyDataLayoutConfig } from "plotly.js-dist-min";
import { record } from "../api/shape";
import type { Drawn } from "./draw";

export async function drawPlotly(place: HTMLElement, figure: Record<string, unknown>): Promise<Drawn> {
  const data = Array.isArray(figure.data) ? figure.data : [];
  const config = { responsive: true, displaylogo: false, ...record(figure.config) };
  // What else a figure holds is the library's to check: it leaves out what it does not know.
  await plotly.newPlot(place, { ...figure, data, config } as PlotlyDataLayoutConfig);
  return () => plotly.purge(place);
}
