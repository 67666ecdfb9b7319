import { beforeAll, describe, expect, it } from "vitest";
import type { Automerge } from "../src/sync/automerge";
import { rebase } from "../src/sync/rebase";
import { automerge, numbersIn, seeded } from "./support/automerge";

describe("writing into one document what changed in another", () => {
  let api: Automerge;
  beforeAll(async () => {
    api = await automerge();
  });

  type Fields = Record<string, unknown>;

  /** What `theirs` says after what became of `base` in `mine` was written into it. */
  function rebased(base: Fields, mine: Fields, theirs: Fields): unknown {
    const doc = api.change(api.from(theirs), (target) => rebase(api, target, api.from(base), api.from(mine)));
    return JSON.parse(JSON.stringify(doc));
  }

  it("leaves what is the same in both", () => {
    expect(rebased({ a: 1, m: { x: "t" } }, { a: 1, m: { x: "t" } }, { a: 2 })).toEqual({ a: 2 });
  });

  it("adds, changes and removes at every depth, and leaves what others did elsewhere", () => {
    const base = { m: { kept: 1, changed: 1, removed: 1 }, list: [1, 2] };
    const mine = { m: { kept: 1, changed: 2, added: { deep: ["x"] } }, list: [1, 2, 3] };
    const theirs = { m: { kept: 9, changed: 1, removed: 1, other: 5 }, list: [1, 2], more: true };
    const m = { kept: 9, changed: 2, added: { deep: ["x"] }, other: 5 };
    expect(rebased(base, mine, theirs)).toEqual({ m, list: [1, 2, 3], more: true });
  });

  it("writes nothing into what others removed", () => {
    const base = { cells: { a: { source: "x" }, b: { source: "y" } } };
    const mine = { cells: { a: { source: "xx" }, b: { source: "y" } } };
    expect(rebased(base, mine, { cells: { b: { source: "y" } } })).toEqual({ cells: { b: { source: "y" } } });
  });

  it("merges text that both sides changed, and doubles nothing that is there already", () => {
    expect(rebased({ t: "abc" }, { t: "abcd" }, { t: "_abc" })).toEqual({ t: "_abcd" });
    expect(rebased({ t: "abc" }, { t: "abcd" }, { t: "abcd" })).toEqual({ t: "abcd" });
    expect(rebased({}, { c: { t: "new" } }, { c: { t: "new" } })).toEqual({ c: { t: "new" } });
  });

  it("keeps the kind of every value", () => {
    const scalar = new api.ImmutableString("scalar");
    const bytes = new Uint8Array([1, 2]);
    const mine = api.from<Fields>({
      scalar,
      text: "text",
      bytes,
      none: null,
      when: new Date(5),
      list: [scalar],
    });
    const doc = api.change(api.from<Fields>({}), (target) => rebase(api, target, {}, mine));
    expect(doc).toEqual(mine);
    expect(doc.scalar).toBeInstanceOf(api.ImmutableString);
    // A Text in the place of a scalar string is another value, though it reads the same.
    const text = api.change(api.from<Fields>({ s: scalar }), (target) =>
      rebase(api, target, { s: scalar }, { s: "scalar" }),
    );
    expect(text.s).toBe("scalar");
  });

  // DOC 2.2: 3 is an integer; the library writes 0 and -1 as floating point inside what is put whole.
  it("writes whole numbers as integers at every depth", () => {
    const mine = api.from<Fields>({ toc: { level: 0, off: -1, at: [0, -2, 0.5] } });
    const doc = api.change(api.from<Fields>({}), (target) => rebase(api, target, {}, mine));
    expect(doc).toEqual(mine);
    expect(numbersIn(api, doc)).toEqual([
      [0, "int"],
      [-1, "int"],
      [0, "int"],
      [-2, "int"],
      [0.5, "float64"],
    ]);
  });

  it("makes of any document what changed between any two, where nobody else wrote", () => {
    const random = seeded(20_261_129);
    const pick = (n: number) => Math.floor(random() * n);
    const value = (depth: number): unknown => {
      const kinds: (() => unknown)[] = [
        () => pick(3),
        () => "ab\u{1F600}".repeat(pick(3)),
        () => null,
        () => new api.ImmutableString(String(pick(3))),
        () => Array.from({ length: pick(3) }, () => pick(3)),
        () => fields(depth - 1),
      ];
      return kinds[pick(depth > 0 ? 6 : 5)]?.();
    };
    const fields = (depth: number): Fields =>
      Object.fromEntries(Array.from({ length: pick(4) }, () => ["abcd"[pick(4)] as string, value(depth)]));
    for (let round = 0; round < 300; round += 1) {
      const [base, mine] = [api.from(fields(3)), api.from(fields(3))];
      const doc = api.change(api.from(JSON.parse("{}") as Fields), (target) => rebase(api, target, {}, base));
      expect(doc).toEqual(base);
      expect(api.change(doc, (target) => rebase(api, target, base, mine))).toEqual(mine);
    }
  });
});
