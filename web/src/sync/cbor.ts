// As much CBOR (RFC 8949) as presence needs: maps with text keys, text, integers, lists, simple values.

export type Cbor = string | number | boolean | null | readonly Cbor[] | { readonly [key: string]: Cbor };

function head(major: number, value: number): number[] {
  const type = major << 5;
  if (value < 24) return [type | value];
  if (value < 0x100) return [type | 24, value];
  if (value < 0x10000) return [type | 25, value >> 8, value & 0xff];
  return [type | 26, (value >>> 24) & 0xff, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff];
}

function encodeInto(bytes: number[], value: Cbor): void {
  if (value === null) bytes.push(0xf6);
  else if (typeof value === "boolean") bytes.push(value ? 0xf5 : 0xf4);
  else if (typeof value === "number") bytes.push(...(value < 0 ? head(1, -1 - value) : head(0, value)));
  else if (typeof value === "string") {
    const text = new TextEncoder().encode(value);
    bytes.push(...head(3, text.length), ...text);
  } else if (Array.isArray(value)) {
    bytes.push(...head(4, value.length));
    for (const item of value) encodeInto(bytes, item);
  } else {
    const entries = Object.entries(value);
    bytes.push(...head(5, entries.length));
    for (const [key, item] of entries) {
      encodeInto(bytes, key);
      encodeInto(bytes, item);
    }
  }
}

export function encodeCbor(value: Cbor): Uint8Array {
  const bytes: number[] = [];
  encodeInto(bytes, value);
  return Uint8Array.from(bytes);
}

const MAX_DEPTH = 16;

class Reader {
  private readonly bytes: Uint8Array;
  private at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  value(depth = 0): Cbor {
    if (depth > MAX_DEPTH) throw new RangeError("nested too deeply");
    const first = this.byte();
    const major = first >> 5;
    const info = first & 31;
    switch (major) {
      case 0:
        return this.argument(info);
      case 1:
        return -1 - this.argument(info);
      case 2:
      case 3:
        return this.text(info);
      case 4:
        return this.items(info, depth);
      case 5:
        return this.map(info, depth);
      case 6:
        this.argument(info);
        return this.value(depth + 1);
      default:
        return this.simple(info);
    }
  }

  private byte(): number {
    const byte = this.bytes[this.at];
    if (byte === undefined) throw new RangeError("cut short");
    this.at += 1;
    return byte;
  }

  private argument(info: number): number {
    if (info < 24) return info;
    const length = { 24: 1, 25: 2, 26: 4, 27: 8 }[info];
    if (length === undefined) throw new RangeError("unreadable length");
    let value = 0;
    for (let i = 0; i < length; i += 1) value = value * 256 + this.byte();
    return value;
  }

  private text(info: number): string {
    if (info === 31) throw new RangeError("text in pieces is not read");
    const length = this.argument(info);
    const slice = this.bytes.subarray(this.at, this.at + length);
    if (slice.length < length) throw new RangeError("cut short");
    this.at += length;
    return new TextDecoder().decode(slice);
  }

  /** True when an indefinite list or map ends here. */
  private ended(info: number, count: number, limit: number): boolean {
    if (info !== 31) return count >= limit;
    if (this.bytes[this.at] !== 0xff) return false;
    this.at += 1;
    return true;
  }

  private items(info: number, depth: number): Cbor[] {
    const limit = info === 31 ? Number.POSITIVE_INFINITY : this.argument(info);
    const items: Cbor[] = [];
    while (!this.ended(info, items.length, limit)) items.push(this.value(depth + 1));
    return items;
  }

  private map(info: number, depth: number): Cbor {
    const limit = info === 31 ? Number.POSITIVE_INFINITY : this.argument(info);
    const entries: [string, Cbor][] = [];
    while (!this.ended(info, entries.length, limit)) {
      entries.push([String(this.value(depth + 1)), this.value(depth + 1)]);
    }
    return Object.fromEntries(entries);
  }

  private simple(info: number): Cbor {
    if (info === 20 || info === 21) return info === 21;
    if (info < 24) return null;
    if (info > 27) throw new RangeError("unexpected end");
    this.argument(info);
    return null;
  }
}

/** Undefined for bytes that cannot be read. */
export function decodeCbor(bytes: Uint8Array): Cbor | undefined {
  try {
    return new Reader(bytes).value();
  } catch {
    return undefined;
  }
}
