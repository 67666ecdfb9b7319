// A widget in the page: a sandboxed frame of the output origin that the bridge speaks to.
import "./widgets.css";
import { useComputed } from "@preact/signals";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { record, text } from "../api/shape";
import type { NotebookStore } from "../notebook/store";
import { TroubleNote, useOutward } from "../outputs/frame-outward";
import { isDark } from "../ui/theme";
import { Frame, WidgetBridge } from "./bridge";
import { MIN_HEIGHT, readFromFrame } from "./messages";

const FRAME_PATH = "/frames/widget-frame/frame.html";
/** How long the state of a widget may take to come before its absence is told. */
const PATIENCE_MS = 1_500;

interface WidgetProps {
  store: NotebookStore;
  origin: string | undefined;
  /** The output's content: JSON that names the model. */
  content: string;
  /** What the kernel wrote in place of the widget. */
  plain: string | undefined;
}

function modelOf(content: string): string | undefined {
  try {
    return text(record(JSON.parse(content)), "model_id");
  } catch {
    return undefined;
  }
}

/** Whether the kernel that made the widget is there and knows it still. */
function useLife(store: NotebookStore, bridge: WidgetBridge, id: string): boolean {
  const [isOpen, setOpen] = useState(bridge.isOpen(id));
  useEffect(() => {
    const look = () => setOpen(bridge.isOpen(id));
    look();
    return store.documents.runtime.onPatches(look);
  }, [store, bridge, id]);
  const isThere = useComputed(() => {
    const { phase, runtimePeers, rejoining } = store.session.value;
    return (
      ((phase === "live" && runtimePeers > 0) || rejoining) && store.kernel.value.lifecycle === "Running"
    );
  });
  return isOpen && isThere.value;
}

/** Whether there is anything to show; it may still be on its way. */
function useContent(store: NotebookStore, bridge: WidgetBridge, id: string): "here" | "awaited" | "gone" {
  const [state, setState] = useState<"here" | "awaited" | "gone">(bridge.isShown(id) ? "here" : "awaited");
  useEffect(() => {
    // Once shown, it stays as it was shown last.
    const look = () => bridge.isShown(id) && setState("here");
    look();
    const timer = setTimeout(() => setState((now) => (now === "awaited" ? "gone" : now)), PATIENCE_MS);
    const { comms, runtime } = store.documents;
    const stops = [comms.onPatches(look), runtime.onPatches(look)];
    return () => {
      clearTimeout(timer);
      for (const stop of stops) stop();
    };
  }, [store, bridge, id]);
  return state;
}

function WidgetFrame({ store, origin, id }: { store: NotebookStore; origin: string; id: string }) {
  const bridge = WidgetBridge.of(store);
  const element = useRef<HTMLIFrameElement>(null);
  const [height, setHeight] = useState(MIN_HEIGHT);
  const [loads, setLoads] = useState(0);
  const isLive = useLife(store, bridge, id);
  const usable = isLive && store.canEdit.value;
  const dark = isDark.value;
  const frame = useMemo(
    () =>
      new Frame(id, (message) => {
        // The frame's origin is opaque, so no narrower target can be named; what it gets is its own widget.
        element.current?.contentWindow?.postMessage(message, "*");
      }),
    // A frame that is moved in the page loads again, and knows nothing then.
    [id, loads],
  );
  const { hear, trouble } = useOutward(element, id);
  useLayoutEffect(() => {
    const listen = (event: MessageEvent) => {
      if (event.source === null || event.source !== element.current?.contentWindow) return;
      const said = readFromFrame(event.data);
      if (said?.type === "ready") setLoads((count) => count + 1);
      else if (said?.type === "height") setHeight(said.height);
      else if (said === undefined) hear(event.data);
      else if (usable) bridge.hear(frame, said);
      else frame.send({ type: "widget-sent", message: said.message });
    };
    addEventListener("message", listen);
    return () => removeEventListener("message", listen);
  }, [bridge, frame, usable, hear]);
  useEffect(() => {
    if (loads === 0) return;
    frame.send({ type: "widget-look", dark, usable });
  }, [frame, loads, dark, usable]);
  useEffect(() => {
    if (loads === 0) return;
    bridge.add(frame);
    return () => bridge.remove(frame);
  }, [bridge, frame, loads]);
  return (
    <>
      <iframe
        ref={element}
        class={`widget-frame${isLive ? "" : " is-stale"}${loads === 0 ? " is-blank" : ""}`}
        title="Widget"
        data-testid="widget-frame"
        data-live={isLive}
        data-usable={usable}
        sandbox="allow-scripts"
        referrerpolicy="no-referrer"
        src={`${origin}${FRAME_PATH}`}
        height={height}
      />
      <TroubleNote {...trouble} />
      {!isLive && (
        <p class="output-note" data-testid="widget-stale">
          Not connected to a kernel: the widget shows its last state.
          {store.canRun.value && " Run the cell to connect it."}
        </p>
      )}
    </>
  );
}

export default function WidgetOutput({ store, origin, content, plain }: WidgetProps) {
  const id = modelOf(content) ?? "";
  const bridge = WidgetBridge.of(store);
  const state = useContent(store, bridge, id);
  if (origin === undefined) {
    return <p class="output-note">Widgets need an output origin. Start the server with --output-origin.</p>;
  }
  const gone = (why: string) => (
    <div data-testid="widget-gone">
      {plain !== undefined && <pre>{plain}</pre>}
      <p class="output-note">{why}</p>
    </div>
  );
  if (store.isVersion) return gone("Widgets are live in the notebook only.");
  if (state === "here") return <WidgetFrame store={store} origin={origin} id={id} />;
  if (state === "awaited") return <p class="output-note">Waiting for the widget…</p>;
  return gone(
    `This widget ended with its kernel.${store.canRun.value ? " Run the cell to show it again." : ""}`,
  );
}
