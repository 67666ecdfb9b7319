// Hostile output: shown in a sandboxed frame of another origin, spoken to by messages only.
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { isDark } from "../ui/theme";
import { MIN_HEIGHT, readFrameMessage } from "./frame-messages";
import { TroubleNote, useOutward } from "./frame-outward";
import { isChart } from "./model";

const FRAME_PATH = "/output-frame.html";
const CHART_PATH = "/frames/chart-frame/frame.html";

interface FrameProps {
  origin: string;
  mime: string;
  content: string;
  /** Whether it waits behind another one, unseen, until it has its height. */
  isWaiting: boolean;
  onDrawn: () => void;
}

export function OutputFrame({ origin, mime, content, isWaiting, onDrawn }: FrameProps) {
  const frame = useRef<HTMLIFrameElement>(null);
  const [height, setHeight] = useState(MIN_HEIGHT);
  // Counts the loads: a frame that is moved in the page loads again.
  const [loads, setLoads] = useState(0);
  const drawn = useRef(onDrawn);
  drawn.current = onDrawn;
  const { hear, trouble } = useOutward(frame, content);
  const dark = isDark.value;
  // Before the next paint: the frame may be loaded and ready sooner than that.
  useLayoutEffect(() => {
    const listen = (event: MessageEvent) => {
      if (event.source === null || event.source !== frame.current?.contentWindow) return;
      const message = readFrameMessage(event.data);
      if (message?.type === "ready") setLoads((count) => count + 1);
      if (message?.type === "height") setHeight(message.height);
      if (message?.type === "drawn") drawn.current();
      if (message === undefined) hear(event.data);
    };
    addEventListener("message", listen);
    return () => removeEventListener("message", listen);
  }, [hear]);
  useEffect(() => {
    if (loads === 0) return;
    // The frame's origin is opaque, so no narrower target can be named; what it gets is its own output.
    frame.current?.contentWindow?.postMessage({ type: "notebook-output-render", mime, content, dark }, "*");
  }, [loads, mime, content, dark]);
  return (
    <>
      <iframe
        ref={frame}
        class={`output-frame${isWaiting ? " is-waiting" : ""}${loads === 0 ? " is-blank" : ""}`}
        title="Output"
        data-testid="output-frame"
        sandbox="allow-scripts"
        referrerpolicy="no-referrer"
        src={`${origin}${isChart(mime) ? CHART_PATH : FRAME_PATH}`}
        height={height}
      />
      {!isWaiting && <TroubleNote {...trouble} />}
    </>
  );
}
