// Vega and Vega-Lite specifications, as Altair writes them.
import embed from "vega-embed";
import type { Drawn } from "./draw";

export async function drawVega(
  place: HTMLElement,
  spec: Record<string, unknown>,
  { mode, dark }: { mode: "vega" | "vega-lite"; dark: boolean },
): Promise<Drawn> {
  const { finalize } = await embed(place, spec, {
    mode,
    // As JupyterLab: thousands of points stay quick.
    renderer: "canvas",
    ...(dark && { theme: "dark" }),
    config: { background: "transparent" },
    // Its editor is another site, which a frame does not open.
    actions: { export: true, source: false, compiled: false, editor: false },
  });
  return finalize;
}
