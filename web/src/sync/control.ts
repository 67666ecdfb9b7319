// Session control messages, checked at the edge (RP 3). Unknown types and fields are ignored.
import { number, record, type Shape, text } from "../api/shape";

export type Scope = "viewer" | "editor" | "owner" | "runtime_peer";

export interface Peer {
  id: string;
  actorLabel: string;
  scope: Scope;
  participant: string;
  name: string | undefined;
}

export interface Ready {
  type: "ready";
  peerId: string;
  actorLabel: string;
  scope: Scope;
  runtimePeers: number;
  peers: Peer[];
  /** The epoch of the room's documents, where the room says it. */
  epoch: number | undefined;
}

export type Control =
  | Ready
  | { type: "joined"; peer: Peer; runtimePeers: number | undefined }
  | { type: "left"; peer: Peer; runtimePeers: number | undefined }
  | { type: "accepted"; frameType: number }
  | { type: "rejected"; frameType: number | undefined; reason: string }
  | { type: "degraded"; reason: string };

function readScope(value: string | undefined): Scope | undefined {
  return value === "viewer" || value === "editor" || value === "owner" || value === "runtime_peer"
    ? value
    : undefined;
}

function readPeer(shape: Shape): Peer | undefined {
  const id = text(shape, "peer_id");
  const actorLabel = text(shape, "actor_label");
  const scope = readScope(text(shape, "connection_scope"));
  if (id === undefined || actorLabel === undefined || scope === undefined) return undefined;
  const participant = text(shape, "participant_key") ?? actorLabel.split("/")[0] ?? actorLabel;
  return { id, actorLabel, scope, participant, name: text(shape, "display_name") };
}

function readReady(shape: Shape): Ready | undefined {
  const self = readPeer(shape);
  if (self === undefined) return undefined;
  const rows = shape.peers;
  const peers = Array.isArray(rows)
    ? rows.flatMap((row) => {
        const peer = record(row);
        const read = peer && readPeer(peer);
        return read ? [read] : [];
      })
    : [];
  const counted = peers.filter((peer) => peer.scope === "runtime_peer").length;
  return {
    type: "ready",
    peerId: self.id,
    actorLabel: self.actorLabel,
    scope: self.scope,
    runtimePeers: number(shape, "runtime_peer_count") ?? counted,
    peers,
    epoch: number(shape, "room_epoch"),
  };
}

export function readControl(value: unknown): Control | undefined {
  const shape = record(value);
  if (shape === undefined) return undefined;
  switch (shape.type) {
    case "cloud_room_ready":
      return readReady(shape);
    case "cloud_peer_joined":
    case "cloud_peer_left": {
      const peer = readPeer(shape);
      if (peer === undefined) return undefined;
      const type = shape.type === "cloud_peer_joined" ? "joined" : "left";
      return { type, peer, runtimePeers: number(shape, "runtime_peer_count") };
    }
    case "cloud_frame_accepted": {
      const frameType = number(shape, "frame_type");
      return frameType === undefined ? undefined : { type: "accepted", frameType };
    }
    case "cloud_frame_rejected":
      return {
        type: "rejected",
        frameType: number(shape, "frame_type"),
        reason: text(shape, "reason") ?? "no reason given",
      };
    case "cloud_room_degraded":
      return { type: "degraded", reason: text(shape, "reason") ?? "the room's storage failed" };
    default:
      return undefined;
  }
}
