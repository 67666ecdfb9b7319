// @vitest-environment jsdom
// What an Output widget shows of charts and widgets among what it captured, and what it lets go again.
import { expect, test, vi } from "vitest";

const starts: { connected: boolean; ended: number }[] = [];
vi.mock("../src/chart-frame/draw", () => ({
  async drawChart(place: HTMLElement) {
    const start = { connected: place.isConnected, ended: 0 };
    starts.push(start);
    return () => {
      start.ended += 1;
    };
  },
}));

test("charts are drawn where they stand, and nested widgets are removed with what showed them", async () => {
  vi.stubGlobal("DragEvent", class extends MouseEvent {});
  const { DOMWidgetModel, DOMWidgetView } = await import("@jupyter-widgets/base");
  const { Widget } = await import("@lumino/widgets");
  const { OutputModel, OutputView, WIDGET_VIEW } = await import("../src/widget-frame/output");
  const late: (() => void)[] = [];
  const removed: string[] = [];
  const manager = {
    get_model: async (id: string) => id,
    create_view: (id: string) =>
      new Promise((resolve) => {
        late.push(() => {
          const view = new DOMWidgetView({ model: model(DOMWidgetModel, {}) as never, options: {} });
          view.on("remove", () => removed.includes(id) || removed.push(id));
          resolve(view);
        });
      }),
  };
  const model = (kind: typeof DOMWidgetModel, state: object) => {
    const options = {
      model_id: crypto.randomUUID(),
      widget_manager: manager as never,
      comm: undefined as never,
    };
    return new kind({ ...state, layout: null, style: null } as never, options);
  };
  const chart = { output_type: "display_data", data: { "application/vnd.plotly.v1+json": {} } };
  const nested = (id: string) => ({ output_type: "display_data", data: { [WIDGET_VIEW]: { model_id: id } } });
  const shown = model(OutputModel as never, { outputs: [chart, nested("a")] });
  const view = new OutputView({ model: shown as never, options: {} });
  view.render();
  Widget.attach(view.luminoWidget, document.body);
  await vi.waitFor(() => expect(late).toHaveLength(1));
  expect(starts).toEqual([]);
  for (const run of late.splice(0)) run();
  await vi.waitFor(() => expect(starts).toEqual([{ connected: true, ended: 0 }]));
  expect(removed).toEqual([]);
  shown.set("outputs", [nested("b")] as never);
  shown.set("outputs", [nested("c")] as never);
  await vi.waitFor(() => expect(late).toHaveLength(2));
  for (const run of late.splice(0)) run();
  // The last one stands where its place is.
  await vi.waitFor(() => expect(view.el.firstElementChild?.childElementCount).toBe(1));
  expect(starts[0]?.ended).toBe(1);
  expect(removed.toSorted()).toEqual(["a", "b"]);
  view.luminoWidget.dispose();
  expect(removed.toSorted()).toEqual(["a", "b", "c"]);
});
