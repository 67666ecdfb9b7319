// Which frames of one output stand in the page: the shown one, and behind it the next until that has drawn itself.
import { isScripted } from "./model";

export interface FrameContent {
  /** Of which output: one that runs scripts runs them again as another output. */
  id: string;
  mime: string;
  content: string;
}

export interface FrameTurn extends FrameContent {
  /** A frame of its own for each. */
  frame: number;
}

/** The shown frame first; at most one waits. */
export type FrameTurns = readonly FrameTurn[];

function isSame(one: FrameContent, other: FrameContent): boolean {
  const same = one.mime === other.mime && one.content === other.content;
  return same && (one.id === other.id || !isScripted(one.mime, one.content));
}

/** The frames for what is to be shown now. What comes while a frame waits is shown after that. */
export function turnTo(turns: FrameTurns, now: FrameContent): FrameTurns {
  const [shown, waiting] = turns;
  if (shown === undefined) return [{ ...now, frame: 0 }];
  if (waiting !== undefined || isSame(shown, now)) return turns;
  // Scripts leave something behind in a document; without any the frame just shows the new content.
  const isQuiet = [shown, now].every(({ mime, content }) => !isScripted(mime, content));
  return isQuiet ? [{ ...now, frame: shown.frame }] : [shown, { ...now, frame: shown.frame + 1 }];
}

/** The waiting frame has drawn itself. */
export function turned(turns: FrameTurns, frame: number): FrameTurns {
  return turns[1]?.frame === frame ? [turns[1]] : turns;
}
