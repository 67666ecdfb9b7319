// A room in memory for the preview: real Automerge documents, pretended execution.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import * as A from "@automerge/automerge/slim";

const require = createRequire(import.meta.url);
await A.initializeWasm(readFileSync(require.resolve("@automerge/automerge/automerge.wasm")));
const seed = (name) => A.load(readFileSync(new URL(`../../tests/vectors/${name}.am`, import.meta.url)));
/** A string of a document that is not Text. */
export const s = (text) => new A.ImmutableString(text);
const later = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export class MockRoom {
  constructor(cells) {
    this.docs = new Map([
      [0, seed("notebook_genesis_v5")],
      [5, seed("runtime_state_genesis_v2")],
      [9, seed("comms_doc_genesis_v1")],
      [10, seed("comments_doc_genesis_v1")],
    ]);
    this.peers = new Set();
    this.count = 0;
    let position = 0x8000;
    for (const { id, type, source } of cells) {
      const at = `${position.toString(16).toUpperCase()}80`;
      position += 1;
      this.edit(0, (doc) => {
        doc.cells[id] = {
          id: s(id),
          cell_type: s(type),
          position: s(at),
          source,
          execution_count: s("null"),
          metadata: {},
          resolved_assets: {},
          attachments: {},
        };
      });
    }
  }

  edit(type, change) {
    this.docs.set(type, A.change(this.docs.get(type), change));
    for (const peer of this.peers) this.speak(peer, type);
  }

  attach(name, status = "ready") {
    this.edit(5, (doc) => {
      doc.workstation = {
        workstation_id: s("ws-lab"),
        display_name: s(name),
        status: s(status),
        updated_at: s(new Date().toISOString()),
      };
      doc.kernel.lifecycle = s("Running");
      doc.kernel.activity = s("Idle");
    });
  }

  connect(socket) {
    const peer = { socket, states: new Map([...this.docs.keys()].map((type) => [type, A.initSyncState()])) };
    this.peers.add(peer);
    this.control(peer, {
      type: "cloud_room_ready",
      peer_id: crypto.randomUUID(),
      actor_label: `user:local:owner/browser:${crypto.randomUUID()}`,
      connection_scope: "owner",
      runtime_peer_count: 1,
      peers: [],
    });
    for (const type of this.docs.keys()) this.speak(peer, type);
    socket.onMessage((data) => this.receive(peer, data));
    socket.onClose(() => this.peers.delete(peer));
  }

  control(peer, message) {
    peer.socket.send(Buffer.concat([Buffer.from([7]), Buffer.from(JSON.stringify(message))]));
  }

  speak(peer, type) {
    const [state, message] = A.generateSyncMessage(this.docs.get(type), peer.states.get(type));
    peer.states.set(type, state);
    if (message) peer.socket.send(Buffer.concat([Buffer.from([type]), message]));
  }

  receive(peer, data) {
    if (typeof data === "string") return peer.socket.send("nteract-liveness-pong");
    const type = data[0];
    const payload = new Uint8Array(data.subarray(1));
    if (this.docs.has(type)) {
      const [doc, state] = A.receiveSyncMessage(this.docs.get(type), peer.states.get(type), payload);
      this.docs.set(type, doc);
      peer.states.set(type, state);
      for (const each of this.peers) this.speak(each, type);
    }
    this.control(peer, { type: "cloud_frame_accepted", frame_type: type, byte_length: payload.length });
    if (type === 1) this.request(JSON.parse(new TextDecoder().decode(payload)));
  }

  request({ action, cell_id: cellId, execution_id: id }) {
    if (action === "execute_cell") this.execute(cellId, id, []);
  }

  output(id, outputId, seq, manifest) {
    this.edit(5, (doc) => {
      doc.executions[id].outputs[outputId] = { seq, manifest: { ...manifest, output_id: outputId } };
    });
  }

  async execute(cellId, id, outputs, status = "done") {
    this.count += 1;
    const count = this.count;
    this.edit(5, (doc) => {
      doc.executions[id] = { status: s("running"), execution_count: count, success: null, outputs: {} };
      doc.kernel.activity = s("Busy");
    });
    this.edit(0, (doc) => {
      doc.cells[cellId].execution_id = s(id);
    });
    for (const [seq, manifest] of outputs.entries()) {
      await later(20);
      this.output(id, `${id}-${seq}`, seq, manifest);
    }
    this.edit(5, (doc) => {
      doc.executions[id].status = s(status);
      doc.kernel.activity = s("Idle");
    });
  }
}
