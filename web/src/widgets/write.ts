// Writing widget state into CommsDoc (documents 9): in place, strings as scalars, nothing that is the same already.
import type { Automerge } from "../sync/automerge";
import type { Origin, Replica } from "../sync/replica";
import { type CommsDoc, mapOf, plain } from "../sync/shapes";
import { storedJson } from "../sync/values";
import { isSame } from "./state";

type Target = Record<string | number, unknown>;

export type States = ReadonlyMap<string, Readonly<Record<string, unknown>>>;

export class CommsWriter {
  private readonly api: Automerge;
  private readonly replica: Replica<CommsDoc>;

  constructor(api: Automerge, replica: Replica<CommsDoc>) {
    this.api = api;
    this.replica = replica;
  }

  /** Writes all that is given as one change; comms that are gone are left. */
  write(origin: Origin, states: States): void {
    this.replica.change(origin, (doc) => {
      for (const [id, state] of states) {
        const comm = doc.comms?.[id];
        if (comm === undefined) continue;
        for (const [key, value] of Object.entries(state)) this.put(comm, key, value);
      }
    });
  }

  private put(target: Target, key: string | number, value: unknown): void {
    const now = target[key];
    if (value === undefined || isSame(plain(now), value)) return;
    if (Array.isArray(now) && Array.isArray(value)) {
      for (let at = 0; at < Math.min(now.length, value.length); at += 1) {
        this.member(now as unknown as Target, at, value[at]);
      }
      if (value.length < now.length) now.splice(value.length, now.length - value.length);
      else now.push(...value.slice(now.length).map((item) => storedJson(this.api, item)));
      return;
    }
    const map = mapOf(value);
    if (map !== undefined && mapOf(now) !== undefined) {
      const held = now as Target;
      for (const old of Object.keys(held)) if (!(old in map)) delete held[old];
      for (const [inner, item] of Object.entries(map)) this.member(held, inner, item);
      return;
    }
    target[key] = storedJson(this.api, value);
  }

  /**
   * Of a list or map that changes. The whole goes to the kernel, which may have written a `0.0` there itself and yet takes
   * an integer only: from a page that speaks JSON it would never get anything else.
   */
  private member(target: Target, key: string | number, value: unknown): void {
    if (typeof value === "number" && target[key] === value && this.isFloat(target, key)) {
      target[key] = storedJson(this.api, value);
    } else this.put(target, key, value);
  }

  private isFloat(target: Target, key: string | number): boolean {
    const id = this.api.getObjectId(target);
    return id !== null && this.api.getBackend(this.replica.value).getWithType(id, key)?.[0] === "f64";
  }
}
