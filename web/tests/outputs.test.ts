import { describe, expect, it } from "vitest";
import { readExecution } from "../src/notebook/executions";
import { ansiPieces } from "../src/outputs/ansi";
import { readFrameMessage } from "../src/outputs/frame-messages";
import { luminance } from "../src/outputs/ink";
import { takeMaths } from "../src/outputs/maths";
import { isFramed, readContent, readOutputs, tracebackText, WIDGET_VIEW } from "../src/outputs/model";
import { blocksOf, cutEnd, cutStart, tailOf } from "../src/outputs/tail";
import { automerge, vector } from "./support/automerge";

const stream = (id: string, seq: number, name: string, text: string) => ({
  id,
  seq,
  manifest: { output_type: "stream", output_id: id, name, text: { inline: text } },
});

describe("outputs of an execution", () => {
  it("joins neighbouring streams of one name and keeps others apart", () => {
    const views = readOutputs([
      stream("a", 0, "stdout", "1\n"),
      stream("b", 1, "stdout", "2\n"),
      stream("c", 2, "stderr", "!"),
      stream("d", 3, "stdout", "3\n"),
    ]);
    expect(views.map((view) => view.kind === "stream" && [view.key, view.name, view.parts])).toEqual([
      ["a", "stdout", [{ inline: "1\n" }, { inline: "2\n" }]],
      ["c", "stderr", [{ inline: "!" }]],
      ["d", "stdout", [{ inline: "3\n" }]],
    ]);
  });

  it("reads the recorded runtime document: stream, picture, error", async () => {
    const api = await automerge();
    const doc = api.load<{ executions: Record<string, unknown> }>(vector("sample_runtime_state.am"));
    const kinds = Object.values(doc.executions).flatMap((value) =>
      readOutputs(readExecution(value)?.outputs ?? []).map((view) =>
        view.kind === "display" ? view.mime : view.kind,
      ),
    );
    expect(kinds).toEqual(["stream", "image/png", "error"]);
  });

  it("keeps an execution's identity while it is unchanged", async () => {
    const api = await automerge();
    const before = api.load<{ executions: Record<string, unknown> }>(vector("sample_runtime_state.am"));
    const ids = Object.keys(before.executions);
    const first = ids.map((id) => readExecution(before.executions[id]));
    const after = api.change(before, (doc) => {
      const target = doc.executions[ids[0] ?? ""] as { execution_count: number };
      target.execution_count = 9;
    });
    expect(readExecution(after.executions[ids[0] ?? ""])?.count).toBe(9);
    expect(readExecution(after.executions[ids[1] ?? ""])).toBe(first[1]);
  });

  it("chooses the richest representation that it knows, else the first by name", () => {
    const display = (data: object) => [{ id: "x", seq: 0, manifest: { output_type: "display_data", data } }];
    const mime = (data: object) =>
      readOutputs(display(data)).map((view) => view.kind === "display" && view.mime);
    const content = { inline: "x" };
    expect(mime({ "text/plain": content, "text/html": content })).toEqual(["text/html"]);
    expect(mime({ "text/plain": content, "application/x-odd": content })).toEqual(["text/plain"]);
    expect(mime({ "application/x-odd": content })).toEqual(["application/x-odd"]);
    expect(mime({})).toEqual([false].slice(1));
  });

  it("gives pictures the size of their metadata: numbers only, within reason", () => {
    const size = (metadata: unknown) => {
      const manifest = { output_type: "display_data", data: { "image/png": { inline: "" } }, metadata };
      const [view] = readOutputs([{ id: "x", seq: 0, manifest }]);
      return view?.kind === "display" ? Object.values(view.size) : [];
    };
    expect(size({ "image/png": { width: 432, height: 287.6 } })).toEqual([432, 288]);
    expect(size({ "image/png": { width: 200 } })).toEqual([200, undefined]);
    expect(size({ "image/png": { width: "100vw", height: 1e9 } })).toEqual([undefined, 10_000]);
    expect(size({ "image/png": { width: -1, height: Number.NaN } })).toEqual([undefined, undefined]);
    expect(size({ "image/jpeg": { width: 200 } })).toEqual([undefined, undefined]);
    expect(size(undefined)).toEqual([undefined, undefined]);
  });

  it("draws a chart rather than the page, the picture or the text beside it", () => {
    const shown = (...mimes: string[]) => {
      const data = Object.fromEntries(mimes.map((mime) => [mime, { inline: "{}" }]));
      const [view] = readOutputs([{ id: "x", seq: 0, manifest: { output_type: "display_data", data } }]);
      return view?.kind === "display" ? view.mime : undefined;
    };
    const chart = "application/vnd.vegalite.v5.20+json";
    const plotly = "application/vnd.plotly.v1+json";
    expect(shown("image/png", chart, "text/plain")).toBe(chart);
    expect(shown("text/html", plotly)).toBe(plotly);
    expect(shown(WIDGET_VIEW, plotly, "text/plain")).toBe(WIDGET_VIEW);
    expect(shown("application/json", "text/plain")).toBe("application/json");
    expect(shown("application/vnd.bokehjs_exec.v0+json", "text/html")).toBe("text/html");
  });

  it("reads content inline, by blob, and as a producer stored it raw", () => {
    const hash = "a".repeat(64);
    expect(readContent({ inline: "t" })).toEqual({ inline: "t" });
    expect(readContent({ blob: hash, size: 9 })).toEqual({ blob: hash, size: 9 });
    expect(readContent(["a", "b"])).toEqual({ inline: "ab" });
    expect(readContent({ blob: "../../etc", size: 1 })).toHaveProperty("inline");
    expect(readContent(7)).toBeUndefined();
  });

  it("keeps scripted content in a frame and pictures out of it", () => {
    expect(["text/html", "image/svg+xml", "application/javascript"].every(isFramed)).toBe(true);
    expect(isFramed("image/png")).toBe(false);
  });

  it("reads a traceback from its JSON, and shows what is not JSON as it is", () => {
    expect(tracebackText('["a","b"]')).toBe("a\nb");
    expect(tracebackText("plain")).toBe("plain");
  });
});

describe("long streams", () => {
  it("takes only the last parts that fill the limit", () => {
    const parts = [{ blob: "a", size: 50 }, { blob: "b", size: 60 }, { inline: "x".repeat(50) }];
    expect(tailOf(parts, 100)).toEqual({ parts: parts.slice(1), hidden: 50 });
    expect(tailOf(parts, 1_000).hidden).toBe(0);
  });

  it("cuts at the start of a line", () => {
    expect(cutStart("one\ntwo\nthree", 8)).toBe("three");
    expect(cutStart("short", 8)).toBe("short");
  });

  it("cuts through a line that is longer than what is shown, at either end", () => {
    const line = `${"0123456789".repeat(10)}\n`;
    expect(cutStart(line, 20)).toBe(line.slice(-20));
    expect(cutStart(`${line}end\n`, 20)).toBe(`${line.slice(-16)}end\n`);
    expect(cutEnd(line, 20)).toBe(line.slice(0, 20));
    expect(cutEnd(`one\ntwo\nthree`, 9)).toBe("one\ntwo");
    expect(cutEnd("short", 8)).toBe("short");
  });

  it("goes into blocks of lines, of which none is without end", () => {
    const lines = "a line\n".repeat(5);
    expect(blocksOf(lines, 10)).toEqual(["a line\na line\n", "a line\na line\n", "a line\n"]);
    const blocks = blocksOf(`${"x".repeat(250)}\nlast`, 10);
    expect(blocks.map((block) => block.length)).toEqual([100, 100, 51, 4]);
    expect(blocks.join("")).toBe(`${"x".repeat(250)}\nlast`);
  });
});

describe("terminal text", () => {
  it("becomes pieces with classes, and never markup", () => {
    const pieces = ansiPieces("\u001b[1;31m<b>no</b>\u001b[0m ok");
    expect(pieces.map((piece) => piece.text)).toEqual(["<b>no</b>", " ok"]);
    expect(pieces[0]).toMatchObject({ classes: "ansi-bold", color: "var(--ansi-1)", background: undefined });
    expect(pieces[1]).toMatchObject({ classes: "", color: undefined });
  });

  it("computes colours outside the sixteen and refuses none that are not numbers", () => {
    expect(ansiPieces("\u001b[38;5;196mx")[0]?.color).toContain("rgb(255, 0, 0)");
    expect(ansiPieces("\u001b[38;5;244mx")[0]?.color).toContain("rgb(128, 128, 128)");
    expect(ansiPieces("\u001b[48;2;1;2;3mx")[0]?.background).toBe("rgb(1, 2, 3)");
    expect(ansiPieces("plain")).toHaveLength(1);
  });

  const channels = (color: string | undefined) => (color ?? "").match(/\d+/g)?.map(Number) ?? [];
  const contrast = ({ color, background }: { color: string | undefined; background: string | undefined }) => {
    const [low = 0, high = 0] = [color, background].map((one) => luminance(channels(one))).sort();
    return (high + 0.05) / (low + 0.05);
  };

  it("can be read on every ground", () => {
    const inks = [
      "",
      ...Array.from({ length: 8 }, (_, i) => [`${30 + i};`, `${90 + i};`]).flat(),
      "38;5;241;",
    ];
    const grounds = [
      ...Array.from({ length: 256 }, (_, i) => `48;5;${i}`),
      "41",
      "43",
      "104",
      "48;2;0;0;120",
      "48;2;118;118;118",
    ];
    for (const ink of inks) {
      for (const ground of grounds) {
        const [piece] = ansiPieces(`\u001b[${ink}${ground}mx`);
        expect(contrast(piece ?? expect.fail()), ink + ground).toBeGreaterThan(4.45);
      }
    }
    expect(ansiPieces("\u001b[48;5;17mx")[0]?.color).toBe("rgb(255, 255, 255)");
    expect(ansiPieces("\u001b[48;5;226mx")[0]?.color).toBe("rgb(0, 0, 0)");
    // What can be read stays as it was chosen.
    expect(ansiPieces("\u001b[38;5;226;48;5;17mx")[0]?.color).toBe("rgb(255, 255, 0)");
  });

  it("loses what is no colour, and takes a code for what it ends", () => {
    const text =
      "a\u001b[2Kb\u001b[?25lc\u001b[38:5:1md\u001b[1;2;4;91me\u001b[22;58;5;31;99mf\u001b[24;39mg\u001b[mh\u001b[38;5;300mi";
    expect(
      ansiPieces(text).map((piece) => [piece.text, piece.classes, piece.color].join(" ").trim()),
    ).toEqual([
      ..."abcd",
      "e ansi-bold ansi-dim ansi-underline var(--ansi-1)",
      "f ansi-underline var(--ansi-1)",
      ..."ghi",
    ]);
    expect(ansiPieces("")).toEqual([]);
  });

  it("is reversed and put right again", () => {
    const [all, red, ground, right] = ansiPieces(
      "\u001b[7mall\u001b[31mred\u001b[39;48;2;0;0;120mground\u001b[27mright",
    );
    expect(all).toMatchObject({ color: "var(--surface)", background: "var(--ink)" });
    expect(red).toMatchObject({ color: expect.stringMatching(/^rgb\(2/), background: "rgb(179, 55, 43)" });
    expect(ground).toMatchObject({ color: "rgb(0, 0, 120)", background: "rgb(229, 231, 233)" });
    expect(right).toMatchObject({ color: "rgb(255, 255, 255)", background: "rgb(0, 0, 120)" });
  });
});

describe("messages of the output frame", () => {
  it("understands ready and a bounded height, and nothing else", () => {
    expect(readFrameMessage({ type: "notebook-output-ready" })).toEqual({ type: "ready" });
    expect(readFrameMessage({ type: "notebook-output-height", height: 120.4 })).toEqual({
      type: "height",
      height: 121,
    });
    expect(readFrameMessage({ type: "notebook-output-height", height: 1e9 })).toEqual({
      type: "height",
      height: 2000,
    });
    expect(readFrameMessage({ type: "notebook-output-height", height: "9" })).toBeUndefined();
    expect(readFrameMessage({ type: "navigate", to: "/" })).toBeUndefined();
    expect(readFrameMessage("notebook-output-ready")).toBeUndefined();
  });
});

describe("formulas in Markdown", () => {
  it("are taken out of the text, but not out of code or money", () => {
    const { text, maths } = takeMaths("a $x_1$ b $$y$$ `$z$` costs $5 and $6\n```\n$no$\n```");
    expect(maths).toEqual([
      { tex: "x_1", display: false },
      { tex: "y", display: true },
    ]);
    expect(text).toContain("`$z$` costs $5 and $6");
    expect(text).toContain("$no$");
  });

  it("are in brackets with one backslash, or with two as Jupyter wants them", () => {
    const { maths } = takeMaths(
      "\\(a\\) \\\\(b\\\\) \\[c \\\\[2pt] d\\] \\\\[e \\\\ f\\\\] `\\\\(code\\\\)`",
    );
    expect(maths).toEqual([
      { tex: "a", display: false },
      { tex: "b", display: false },
      { tex: "c \\\\[2pt] d", display: true },
      { tex: "e \\\\ f", display: true },
    ]);
  });

  it("are environments that stand alone as well, though not in code", () => {
    const { text, maths } = takeMaths(
      "So\n\\begin{align}\\label{x}\na &= 1 \\\\\nb &= $2\n\\end{align}\nand `\\begin{align}x\\end{align}`, " +
        "\\begin{gather*}c\\end{gather*} \\begin{eqnarray}d &=& e\\end{eqnarray} \\begin{table}f\\end{table} $$\\begin{align}g\\end{align}$$",
    );
    expect(maths.map(({ tex }) => tex)).toEqual([
      "\\begin{align*}\na &= 1 \\\\\nb &= $2\n\\end{align*}",
      "\\begin{gather*}c\\end{gather*}",
      "\\begin{array}{rcl}d &=& e\\end{array}",
      "\\begin{align*}g\\end{align*}",
    ]);
    expect(maths.every(({ display }) => display)).toBe(true);
    expect(text).toContain("`\\begin{align}x\\end{align}`");
    expect(text).toContain("\\begin{table}f");
  });
});

it("a long text is cut into blocks of whole lines, and nothing is lost", () => {
  const text = Array.from({ length: 1_000 }, (_, i) => `line ${i}\n`).join("");
  const blocks = blocksOf(text, 500);
  expect(blocks.length).toBeGreaterThan(10);
  expect(blocks.join("")).toBe(text);
  for (const block of blocks) expect(block.endsWith("\n")).toBe(true);
  expect(blocksOf("", 500)).toEqual([]);
  expect(blocksOf("no end", 2)).toEqual(["no end"]);
});
