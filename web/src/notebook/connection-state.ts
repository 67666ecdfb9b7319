// The connection in one word and in words for people.
import type { SessionState } from "../sync/session";

interface Shown {
  status: "connecting" | "offline" | "saving" | "saved" | "refused";
  text: string;
  tone: "ok" | "wait" | "bad";
}

export function connectionState(session: SessionState): Shown {
  const { phase, everLive, rejoining, unsaved, refused } = session;
  if (refused !== undefined) return { status: "refused", text: "Edits are not saved", tone: "bad" };
  if (phase === "live" || rejoining) {
    return unsaved
      ? { status: "saving", text: "Saving…", tone: "wait" }
      : { status: "saved", text: "Saved", tone: "ok" };
  }
  if (!everLive) return { status: "connecting", text: "Connecting…", tone: "wait" };
  return {
    status: "offline",
    text: unsaved ? "Offline · edits kept here" : phase === "connecting" ? "Reconnecting…" : "Offline",
    tone: "wait",
  };
}
