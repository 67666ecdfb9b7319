// Object URLs with their users: what nobody shows any more is given back to the browser, but for the last few.

/** Something on its way that one user holds until it says otherwise. */
export interface Lease<T> {
  value: Promise<T>;
  release(): void;
}

/** How many pictures that nobody shows stay at hand, and how many bytes of them. */
const MAX_UNUSED = 16;
const MAX_UNUSED_BYTES = 32 * 1024 * 1024;

interface Entry {
  users: number;
  /** 0 until it has come. */
  size: number;
  made: string | undefined;
  value: Promise<string>;
}

export class ObjectUrls {
  readonly #entries = new Map<string, Entry>();
  /** The keys that nobody uses, the longest unused first. */
  readonly #unused = new Set<string>();

  /** A URL for what `load` brings; asked for under the same key meanwhile or a little later, it is the same. */
  lease(key: string, load: () => Promise<Blob>): Lease<string> {
    const entry = this.#entries.get(key) ?? this.#begin(key, load);
    entry.users += 1;
    this.#unused.delete(key);
    let isHeld = true;
    const release = () => {
      if (!isHeld) return;
      isHeld = false;
      entry.users -= 1;
      this.#leave(key, entry);
    };
    return { value: entry.value, release };
  }

  #begin(key: string, load: () => Promise<Blob>): Entry {
    const entry: Entry = { users: 0, size: 0, made: undefined, value: Promise.resolve("") };
    entry.value = load().then((blob) => {
      entry.made = URL.createObjectURL(blob);
      entry.size = blob.size;
      this.#leave(key, entry);
      return entry.made;
    });
    // What failed is asked for again by whoever comes next.
    entry.value.catch(() => this.#entries.get(key) === entry && this.#entries.delete(key));
    this.#entries.set(key, entry);
    return entry;
  }

  /** Lets go of what is unused beyond the few that stay. */
  #leave(key: string, entry: Entry): void {
    if (entry.users > 0 || entry.made === undefined || this.#entries.get(key) !== entry) return;
    this.#unused.add(key);
    let bytes = 0;
    for (const unused of this.#unused) bytes += this.#entries.get(unused)?.size ?? 0;
    for (const oldest of this.#unused) {
      if (this.#unused.size <= MAX_UNUSED && bytes <= MAX_UNUSED_BYTES) return;
      const gone = this.#entries.get(oldest);
      this.#unused.delete(oldest);
      this.#entries.delete(oldest);
      bytes -= gone?.size ?? 0;
      if (gone?.made !== undefined) URL.revokeObjectURL(gone.made);
    }
  }
}
