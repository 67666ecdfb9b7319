import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { mimeKind } from "../src/outputs/mime-kind";
import { FrameType } from "../src/sync/frames";
import { COMMS_GENESIS } from "../src/sync/genesis";
import { Replica } from "../src/sync/replica";
import type { CommsDoc } from "../src/sync/shapes";
import { fromWire, toWire } from "../src/widgets/buffers";
import { readFromFrame } from "../src/widgets/messages";
import { isLink, namedIn, resolveState } from "../src/widgets/state";
import { CommsWriter } from "../src/widgets/write";
import { automerge, jsonVector, numbersIn } from "./support/automerge";

async function document(state: Record<string, unknown>) {
  const api = await automerge();
  const replica = new Replica<CommsDoc>(api, FrameType.Comms, COMMS_GENESIS);
  replica.change({}, (doc) => {
    if (doc.comms) doc.comms.w = state;
  });
  return { api, replica, writer: new CommsWriter(api, replica) };
}

const shown = (doc: CommsDoc) => doc.comms?.w as { list: number[]; map: { a: unknown; b: object } };

describe("writing widget state", () => {
  it("changes what differs, in place, and strings are scalars", async () => {
    const { api, replica, writer } = await document({
      value: 1,
      list: [1, 2, 3],
      map: { a: 1, b: { c: 2 } },
    });
    const kept = shown(replica.value).map.b;
    const origin = {};
    const origins: unknown[] = [];
    replica.onPatches((_patches, from) => origins.push(from));
    const state = { value: 2, list: [1, 5], map: { a: "one", b: { c: 2 } }, fresh: ["x", null] };
    writer.write(origin, new Map([["w", state]]));
    expect(JSON.parse(JSON.stringify(replica.value.comms?.w))).toEqual(state);
    expect(shown(replica.value).map.b).toBe(kept);
    expect(shown(replica.value).map.a).toBeInstanceOf(api.ImmutableString);
    expect(origins).toEqual([origin]);
  });

  // Of a time at the full hour the kernel's trait would refuse `milliseconds: 0.0`.
  it("writes whole numbers as integers, within new lists and maps as well", async () => {
    const { api, replica, writer } = await document({ list: [], value: null });
    const state = { value: { hours: 11, milliseconds: 0, month: -1 }, list: [0, 0.5], fresh: [[0]], top: 0 };
    writer.write({}, new Map([["w", state]]));
    expect(JSON.parse(JSON.stringify(replica.value.comms?.w))).toEqual(state);
    const kinds = numbersIn(api, replica.value).map(([, kind]) => kind);
    expect(kinds.filter((kind) => kind === "float64")).toHaveLength(1);
    expect(kinds.filter((kind) => kind === "int")).toHaveLength(6);
  });

  // ipywidgets says `milliseconds: 0.0` of its times, and does not take that back.
  it("leaves no whole number floating in what it changes", async () => {
    const { api, replica, writer } = await document({ value: { hours: 11, milliseconds: 0, part: 0.5 } });
    const kind = () => {
      const value = replica.value.comms?.w?.value as object;
      return api.getBackend(replica.value).getWithType(api.getObjectId(value) ?? "", "milliseconds")?.[0];
    };
    expect(kind()).toBe("f64");
    writer.write({}, new Map([["w", { value: { hours: 12, milliseconds: 0, part: 0.5 } }]]));
    expect(kind()).toBe("int");
    expect(numbersIn(api, replica.value)).toEqual([
      [12, "int"],
      [0, "int"],
    ]);
  });

  it("writes nothing that is there already, and nothing of a widget that is gone", async () => {
    const { replica, writer } = await document({ value: 1, list: [1], text: "a" });
    const heads = replica.heads();
    writer.write(
      {},
      new Map([
        ["w", { value: 1, list: [1], text: "a" }],
        ["gone", { value: 3 }],
      ]),
    );
    expect(replica.heads()).toEqual(heads);
  });

  // DOC 9: lists and maps are updated in place, so that two who change different items keep both.
  it("merges with what another changed in the same list", async () => {
    const { api, replica, writer } = await document({ list: [1, 2] });
    const other = api.change(api.clone(replica.value), (doc) => {
      const list = doc.comms?.w?.list as number[];
      list[1] = 9;
    });
    writer.write({}, new Map([["w", { list: [7, 2] }]]));
    const merged = api.merge(api.clone(replica.value), other);
    expect([...shown(merged).list]).toEqual([7, 9]);
  });
});

describe("reading widget state", () => {
  it("finds the models that a state names, in children, layouts and captured outputs", () => {
    const view = { "application/vnd.jupyter.widget-view+json": { model_id: "nested" } };
    const outputs = [{ output_type: "display_data", data: view }];
    const state = { children: ["IPY_MODEL_a", "IPY_MODEL_b"], layout: "IPY_MODEL_l", value: "a", outputs };
    expect(namedIn(state)).toEqual(["a", "b", "l", "nested"]);
    expect(isLink({ _model_name: "DirectionalLinkModel" })).toBe(true);
    expect(isLink({ _model_name: "IntSliderModel" })).toBe(false);
  });
});

describe("what stands in place of a value", () => {
  const hash = (n: number) => String(n).repeat(64);
  const BLOBS: Readonly<Record<string, string>> = {
    [hash(1)]: "picture",
    [hash(2)]: JSON.stringify(["one", "two"]),
    [hash(3)]: JSON.stringify([{ output_type: "stream", name: "stdout", text: { inline: "far" } }]),
    [hash(4)]: "long",
  };

  beforeEach(() => {
    vi.stubGlobal("fetch", async (url: string) => {
      const content = BLOBS[url.split("/").at(-1) ?? ""];
      return content === undefined ? new Response(null, { status: 410 }) : new Response(content);
    });
  });
  afterEach(() => vi.unstubAllGlobals());

  // The sizes are those of blobs that are asked for one by one.
  const blob = (n: number, media_type?: string) => ({
    blob: hash(n),
    size: 10_000_000,
    ...(media_type && { media_type }),
  });

  // DOC 13.5
  it("is its text, or what the blob holds", async () => {
    const state = {
      value: { inline: "<i>from inline</i>" },
      nested: [{ inline: "a" }],
      esm: blob(4, "text/javascript"),
      list: blob(2, "application/json"),
      bytes: blob(1),
      own: { inline: "a", more: 1 },
    };
    const { bytes, ...rest } = await resolveState("nb", state);
    expect(rest).toEqual({
      value: "<i>from inline</i>",
      nested: ["a"],
      esm: "long",
      list: ["one", "two"],
      own: { inline: "a", more: 1 },
    });
    expect((bytes as DataView).byteLength).toBe(7);
  });

  // DOC 5.11, 6.1, 9: they were shown as `[object Object]`.
  it("makes of an Output widget's manifests what Jupyter's front end knows", async () => {
    const view = "application/vnd.jupyter.widget-view+json";
    const data = {
      "text/plain": { inline: "plain" },
      "image/png": blob(1),
      [view]: { inline: JSON.stringify({ model_id: "nested" }) },
      "text/html": blob(9),
    };
    const outputs = [
      { output_type: "stream", name: "stdout", text: { inline: "in it\n" } },
      { output_type: "display_data", data },
      { output_type: "error", ename: "E", evalue: "bad", traceback: { inline: '["line 1", "line 2"]' } },
      { output_type: "display_data", data: { "text/html": blob(9) } },
      { output_type: "display_data", data: { "application/json": ["as", "it", "is"], "image/png": "cGlj" } },
    ];
    const resolved = await resolveState("nb", { outputs });
    expect(resolved.outputs).toEqual([
      { output_type: "stream", name: "stdout", text: "in it\n" },
      {
        output_type: "display_data",
        data: { "text/plain": "plain", "image/png": btoa("picture"), [view]: { model_id: "nested" } },
      },
      { output_type: "error", ename: "E", evalue: "bad", traceback: ["line 1", "line 2"] },
      {
        output_type: "stream",
        name: "stderr",
        text: expect.stringContaining("could not be fetched"),
      },
      outputs[4],
    ]);
    expect(namedIn(resolved)).toEqual(["nested"]);
    const far = await resolveState("nb", { outputs: blob(3, "application/json") });
    expect(far.outputs).toEqual([{ output_type: "stream", name: "stdout", text: "far" }]);
  });

  // DOC 6.3
  it("is of the kind that its MIME type says", () => {
    for (const { mime, kind } of jsonVector("mime_kind.json") as { mime: string; kind: string }[]) {
      expect([mime, mimeKind(mime)]).toEqual([mime, kind]);
    }
  });
});

describe("messages of a frame", () => {
  it("are read by shape, and everything else is nothing", () => {
    const buffers = [new Uint8Array([1, 2, 3]).subarray(1), new ArrayBuffer(2), "no"];
    const said = {
      type: "widget-state",
      id: "w",
      message: "1",
      state: { a: 1 },
      paths: [["a", 0], [], [{}]],
      buffers,
    };
    const read = readFromFrame(said);
    if (read?.type !== "state") throw new Error("not a state");
    expect(read.paths).toEqual([["a", 0]]);
    expect(read.buffers.map((buffer) => buffer.byteLength)).toEqual([2, 2]);
    expect(readFromFrame({ type: "widget-height", height: 1e9 })).toEqual({ type: "height", height: 20_000 });
    for (const other of [
      null,
      "x",
      [],
      { type: "widget-state", id: "w" },
      { type: "other", id: "w", message: "1" },
    ]) {
      expect(readFromFrame(other)).toBeUndefined();
    }
  });

  it("carry bytes as numbers, and many as base64", () => {
    const few = new Uint8Array([0, 1, 255]).buffer;
    const many = Uint8Array.from({ length: 70_000 }, (_, at) => at % 256).buffer;
    expect(toWire(few)).toEqual([0, 1, 255]);
    expect(typeof toWire(many)).toBe("string");
    const back = fromWire([toWire(few), toWire(many)]);
    expect(back.map((buffer) => buffer.byteLength)).toEqual([3, 70_000]);
    expect(new Uint8Array(back[1] ?? few)[69_999]).toBe(69_999 % 256);
    expect(fromWire(undefined)).toEqual([]);
  });
});
