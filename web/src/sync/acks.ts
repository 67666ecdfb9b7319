// Acknowledgements carry no id: they answer frames in the order sent, per frame type (RP 3.3).

export interface Waiter {
  resolve(): void;
  reject(reason: string): void;
  /** Sends what is waited for, perhaps a second time: to a room that did not take the first. */
  send?(): void;
}

export class AckQueues {
  private readonly queues = new Map<number, Waiter[]>();

  push(type: number, waiter: Waiter): void {
    const queue = this.queues.get(type);
    if (queue) queue.push(waiter);
    else this.queues.set(type, [waiter]);
  }

  accepted(type: number): void {
    this.queues.get(type)?.shift()?.resolve();
  }

  /** False when nothing of that type was waiting. */
  rejected(type: number, reason: string): boolean {
    const waiter = this.queues.get(type)?.shift();
    waiter?.reject(reason);
    return waiter !== undefined;
  }

  waiting(type: number): number {
    return this.queues.get(type)?.length ?? 0;
  }

  /** Takes out all that waits of a type. */
  take(type: number): Waiter[] {
    const waiters = this.queues.get(type) ?? [];
    this.queues.delete(type);
    return waiters;
  }

  /** The socket is gone: nothing that is outstanding will be answered. */
  clear(reason: string): void {
    const all = [...this.queues.values()].flat();
    this.queues.clear();
    for (const waiter of all) waiter.reject(reason);
  }
}
