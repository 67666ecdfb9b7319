import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type Lease, ObjectUrls } from "../src/api/object-urls";
import { type FrameTurns, turned, turnTo } from "../src/outputs/frame-turns";
import { Latest, type Settled } from "../src/outputs/latest";
import { readOutputs, withPlaces } from "../src/outputs/model";
import { RecentHeights } from "../src/outputs/steady";

describe("object URLs", () => {
  let live: Set<string>;
  beforeEach(() => {
    live = new Set();
    let next = 0;
    vi.spyOn(URL, "createObjectURL").mockImplementation(() => {
      next += 1;
      live.add(`blob:${next}`);
      return `blob:${next}`;
    });
    vi.spyOn(URL, "revokeObjectURL").mockImplementation((url) => {
      live.delete(url);
    });
  });
  afterEach(() => {
    vi.restoreAllMocks();
  });
  const picture = async () => new Blob(["picture"]);

  it("gives back what nobody shows any more, but for the last few", async () => {
    const urls = new ObjectUrls();
    for (let n = 0; n < 500; n += 1) {
      const lease = urls.lease(`${n}`, picture);
      await lease.value;
      lease.release();
    }
    expect(live.size).toBe(16);
    expect(live.has("blob:500")).toBe(true);
  });

  it("keeps what somebody shows, however much comes after it", async () => {
    const urls = new ObjectUrls();
    const [one, other] = [urls.lease("a", picture), urls.lease("a", picture)];
    const url = await one.value;
    expect(await other.value).toBe(url);
    one.release();
    one.release();
    for (let n = 0; n < 50; n += 1) {
      const lease = urls.lease(`${n}`, picture);
      lease.release();
      await lease.value;
    }
    expect(live.has(url)).toBe(true);
  });

  it("asks again for what failed", async () => {
    const urls = new ObjectUrls();
    const failing = urls.lease("a", () => Promise.reject(new Error("gone")));
    await expect(failing.value).rejects.toThrow("gone");
    failing.release();
    await expect(urls.lease("a", picture).value).resolves.toBe("blob:1");
  });
});

describe("what is shown while the next is on its way", () => {
  function place() {
    const shown: Settled<string>[] = [];
    const begun: string[] = [];
    const released: string[] = [];
    const settle = new Map<string, { resolve(): void; reject(why: Error): void }>();
    const latest = new Latest<string>((settled) => shown.push(settled));
    const ask = (name: string) =>
      latest.ask((): Lease<string> => {
        begun.push(name);
        const value = new Promise<string>((resolve, reject) =>
          settle.set(name, { resolve: () => resolve(name), reject }),
        );
        return { value, release: () => released.push(name) };
      });
    const comes = async (name: string) => {
      settle.get(name)?.resolve();
      await new Promise((done) => setTimeout(done));
    };
    const fails = async (name: string) => {
      settle.get(name)?.reject(new Error(name));
      await new Promise((done) => setTimeout(done));
    };
    return { latest, ask, comes, fails, shown, begun, released };
  }

  it("holds the last until another is there, and only then lets it go", async () => {
    const { ask, comes, shown, released } = place();
    ask("a");
    await comes("a");
    ask("b");
    expect([shown.length, released]).toEqual([1, []]);
    await comes("b");
    expect([shown.at(-1), released]).toEqual([{ state: "ready", value: "b" }, ["a"]]);
  });

  it("shows those that come late too, and of many that were asked for meanwhile only the last", async () => {
    const { ask, comes, shown, begun, released } = place();
    for (const name of ["a", "b", "c", "d", "e"]) ask(name);
    expect(begun).toEqual(["a", "b"]);
    await comes("a");
    expect(begun).toEqual(["a", "b", "e"]);
    await comes("e");
    await comes("b");
    expect(shown).toEqual(["a", "e"].map((value) => ({ state: "ready", value })));
    expect(released).toEqual(["a", "b"]);
  });

  it("tells a failure only of what was asked for last; closed, it lets go of all", async () => {
    const { latest, ask, comes, fails, shown, released } = place();
    ask("a");
    ask("b");
    await fails("a");
    expect(shown).toEqual([]);
    await fails("b");
    expect(shown.at(-1)).toHaveProperty("state", "failed");
    ask("c");
    await comes("c");
    ask("d");
    latest.close();
    await comes("d");
    expect(released).toEqual(["a", "b", "c", "d"]);
    expect(shown).toHaveLength(2);
  });
});

describe("frames of an output that changes", () => {
  const table = (id: string, content: string) => ({ id, mime: "text/html", content });

  it("shows new content without scripts in the frame that is there", () => {
    const first = turnTo([], table("a", "<b>1</b>"));
    const second = turnTo(first, table("b", "<b>2</b>"));
    expect(second).toEqual([{ ...table("b", "<b>2</b>"), frame: 0 }]);
    expect(turnTo(second, table("c", "<b>2</b>"))).toBe(second);
  });

  it("gives scripts a new frame, behind the old one until it has drawn itself", () => {
    const script = (id: string) => table(id, "<script>const x = 1</script>");
    let turns: FrameTurns = turnTo([], script("a"));
    turns = turnTo(turns, script("a"));
    expect(turns.map(({ frame }) => frame)).toEqual([0]);
    turns = turnTo(turns, script("b"));
    expect(turns.map(({ frame, id }) => [frame, id])).toEqual([
      [0, "a"],
      [1, "b"],
    ]);
    expect(turnTo(turns, script("c"))).toBe(turns);
    expect(turned(turns, 0)).toBe(turns);
    turns = turnTo(turned(turns, 1), script("c"));
    expect(turns.map(({ frame, id }) => [frame, id])).toEqual([
      [1, "b"],
      [2, "c"],
    ]);
    expect(turnTo([{ ...table("a", "<p onclick='x()'>"), frame: 4 }], table("b", "text"))).toHaveLength(2);
  });
});

describe("the place of an output", () => {
  const display = (id: string, mime: string) => ({
    id,
    seq: 0,
    manifest: { output_type: "display_data", data: { [mime]: { inline: "x" } } },
  });
  const places = (...outputs: ReturnType<typeof display>[]) =>
    withPlaces(readOutputs(outputs)).map(({ place }) => place);

  it("is the same for the next of its kind, and a widget's own", () => {
    const before = places(display("a", "image/png"), display("b", "text/html"), display("c", "image/png"));
    expect(new Set(before).size).toBe(3);
    expect(places(display("d", "image/png"), display("e", "text/html"))).toEqual(before.slice(0, 2));
    expect(places(display("f", "application/vnd.jupyter.widget-view+json"))).toEqual(["f"]);
    const failed = { id: "g", seq: 0, manifest: { output_type: "error", ename: "E", evalue: "" } };
    expect(withPlaces(readOutputs([failed])).map(({ place }) => place)).toEqual(["g"]);
  });

  it("keeps the height of a moment ago, and gives it back", () => {
    const heights = new RecentHeights();
    heights.note(0, 300);
    heights.note(100, 20);
    expect(heights.greatest(900)).toBe(300);
    expect(heights.greatest(1_050)).toBe(20);
    heights.note(1_060, 400);
    expect(heights.greatest(1_070)).toBe(400);
  });
});
