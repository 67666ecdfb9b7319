// Whether this page is in step with the room, in words.

import type { SessionState } from "../sync/session";
import { IconCheck } from "../ui/icons";
import { connectionState } from "./connection-state";

export function Connection({ session }: { session: SessionState }) {
  const state = connectionState(session);
  return (
    <span
      class={`connection connection-${state.tone}`}
      role="status"
      data-testid="connection-status"
      data-status={state.status}
    >
      {state.status === "saved" ? <IconCheck /> : <span class={`dot dot-${state.tone}`} />}
      {state.text}
    </span>
  );
}

/** People on this notebook besides this tab. */
export function Roster({ session }: { session: SessionState }) {
  const others = session.peers.filter((peer) => peer.id !== session.peerId && peer.scope !== "runtime_peer");
  if (others.length === 0) return null;
  return (
    <span
      class="roster"
      data-testid="roster"
      title={others.map((peer) => peer.name ?? peer.participant).join(", ")}
    >
      {others.length + 1} here
    </span>
  );
}
