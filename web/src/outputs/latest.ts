// What a place shows while what it is to show next is on its way: the last that came, never nothing in between.
import type { Lease } from "../api/object-urls";

/** How many may be on their way at once; of those asked for meanwhile only the last is begun. */
const MAX_UNDER_WAY = 2;

export type Settled<T> = { state: "failed"; why: unknown } | { state: "ready"; value: T };

export class Latest<T> {
  readonly #show: (settled: Settled<T>) => void;
  /** Numbers what is asked for; what is shown only ever goes forward. */
  #asked = 0;
  #shown = 0;
  #held: Lease<T> | undefined;
  readonly #underWay = new Set<Lease<T>>();
  #next: (() => void) | undefined;
  #isClosed = false;

  constructor(show: (settled: Settled<T>) => void) {
    this.#show = show;
  }

  /** Shows what `begin` brings once it is there, unless something asked for later was there sooner. */
  ask(begin: () => Lease<T>): void {
    this.#asked += 1;
    const number = this.#asked;
    this.#next = () => {
      this.#next = undefined;
      const lease = begin();
      this.#underWay.add(lease);
      lease.value.then(
        (value) => this.#settle(number, lease, { state: "ready", value }),
        (why: unknown) => this.#settle(number, lease, { state: "failed", why }),
      );
    };
    if (this.#underWay.size < MAX_UNDER_WAY) this.#next();
  }

  #settle(number: number, lease: Lease<T>, settled: Settled<T>): void {
    this.#underWay.delete(lease);
    // A failure counts only if nothing else is to come.
    const isNews =
      !this.#isClosed && number > this.#shown && (settled.state === "ready" || number === this.#asked);
    if (isNews) {
      this.#shown = number;
      this.#held?.release();
      this.#held = lease;
      this.#show(settled);
    } else {
      lease.release();
    }
    if (!this.#isClosed) this.#next?.();
  }

  /** Lets go of what is shown and of what is on its way. */
  close(): void {
    this.#isClosed = true;
    this.#next = undefined;
    this.#held?.release();
    this.#held = undefined;
  }
}
