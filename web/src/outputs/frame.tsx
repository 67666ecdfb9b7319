// Hostile output: shown in a sandboxed frame of another origin, spoken to by messages only.
import { useEffect, useRef, useState } from "preact/hooks";
import { record } from "../api/shape";
import { isDark } from "../ui/theme";

const FRAME_PATH = "/output-frame.html";
const MIN_HEIGHT = 24;
const MAX_HEIGHT = 2_000;

export type FrameMessage = { type: "ready" } | { type: "height"; height: number };

/** Only the two messages of our frame document are understood; everything else is nothing. */
export function readFrameMessage(data: unknown): FrameMessage | undefined {
  const shape = record(data);
  if (shape?.type === "notebook-output-ready") return { type: "ready" };
  if (shape?.type !== "notebook-output-height") return undefined;
  const { height } = shape;
  if (typeof height !== "number" || !Number.isFinite(height)) return undefined;
  return { type: "height", height: Math.min(MAX_HEIGHT, Math.max(MIN_HEIGHT, Math.ceil(height))) };
}

interface FrameProps {
  origin: string | undefined;
  mime: string;
  content: string;
}

export function OutputFrame({ origin, mime, content }: FrameProps) {
  const frame = useRef<HTMLIFrameElement>(null);
  const [height, setHeight] = useState(MIN_HEIGHT);
  const [ready, setReady] = useState(false);
  const dark = isDark.value;
  useEffect(() => {
    const listen = (event: MessageEvent) => {
      if (event.source === null || event.source !== frame.current?.contentWindow) return;
      const message = readFrameMessage(event.data);
      if (message?.type === "ready") setReady(true);
      if (message?.type === "height") setHeight(message.height);
    };
    addEventListener("message", listen);
    return () => removeEventListener("message", listen);
  }, []);
  useEffect(() => {
    if (!ready) return;
    // The frame's origin is opaque, so no narrower target can be named; what it gets is its own output.
    frame.current?.contentWindow?.postMessage({ type: "notebook-output-render", mime, content, dark }, "*");
  }, [ready, mime, content, dark]);
  if (origin === undefined) {
    return (
      <p class="output-note">Rich output needs an output origin. Start the server with --output-origin.</p>
    );
  }
  return (
    <iframe
      ref={frame}
      class="output-frame"
      title="Output"
      data-testid="output-frame"
      sandbox="allow-scripts"
      referrerpolicy="no-referrer"
      src={`${origin}${FRAME_PATH}`}
      height={height}
    />
  );
}
