// The four documents of a room, each started from its frozen seed (RP 4.1, 4.2).
import type { Automerge } from "./automerge";
import { type DocumentFrame, FrameType } from "./frames";
import { COMMENTS_GENESIS, COMMS_GENESIS, NOTEBOOK_GENESIS, RUNTIME_GENESIS } from "./genesis";
import { Replica } from "./replica";
import type { CommsDoc, NotebookDoc, RuntimeDoc } from "./shapes";

export class RoomDocuments {
  readonly notebook: Replica<NotebookDoc>;
  readonly runtime: Replica<RuntimeDoc>;
  readonly comms: Replica<CommsDoc>;
  readonly comments: Replica<object>;

  constructor(api: Automerge) {
    this.notebook = new Replica(api, FrameType.Notebook, NOTEBOOK_GENESIS);
    this.runtime = new Replica(api, FrameType.RuntimeState, RUNTIME_GENESIS);
    this.comms = new Replica(api, FrameType.Comms, COMMS_GENESIS);
    this.comments = new Replica(api, FrameType.Comments, COMMENTS_GENESIS);
  }

  get all(): Replica<unknown>[] {
    return [this.notebook, this.runtime, this.comms, this.comments].map(
      (r) => r as unknown as Replica<unknown>,
    );
  }

  of(frame: DocumentFrame): Replica<unknown> {
    return (
      this.all.find((replica) => replica.frame === frame) ?? (this.notebook as unknown as Replica<unknown>)
    );
  }

  /** Takes up afresh what the room starts over; comments never do. */
  renew(): void {
    this.notebook.renew();
    this.runtime.renew();
    this.comms.renew();
  }

  setActor(actor: string): void {
    for (const replica of this.all) replica.setActor(actor);
  }
}
