// A framed output that changes: the frame that is shown stays until the one that follows it has drawn itself.
import { useRef, useState } from "preact/hooks";
import { OutputFrame } from "./frame";
import { type FrameContent, type FrameTurns, turned, turnTo } from "./frame-turns";

export function OutputFrames({ origin, ...now }: FrameContent & { origin: string | undefined }) {
  const turns = useRef<FrameTurns>([]);
  const [, drawAgain] = useState(0);
  turns.current = turnTo(turns.current, now);
  const show = (frame: number) => {
    const next = turned(turns.current, frame);
    if (next === turns.current) return;
    turns.current = next;
    drawAgain((count) => count + 1);
  };
  if (origin === undefined) {
    return (
      <p class="output-note">Rich output needs an output origin. Start the server with --output-origin.</p>
    );
  }
  return (
    <div class="output-frames">
      {turns.current.map(({ frame, mime, content }, i) => (
        <OutputFrame
          key={frame}
          origin={origin}
          mime={mime}
          content={content}
          isWaiting={i > 0}
          onDrawn={() => show(frame)}
        />
      ))}
    </div>
  );
}
