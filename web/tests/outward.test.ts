import { describe, expect, it } from "vitest";
import { dataBytes, readOutward, safeAddress, safeName } from "../src/outputs/outward";

describe("what a frame says of things outside it", () => {
  it("opens web and mail addresses, nothing that runs or lies here", () => {
    expect(safeAddress("https://example.org/a?b#c")).toBe("https://example.org/a?b#c");
    expect(safeAddress("mailto:a@example.org")).toBe("mailto:a@example.org");
    const refused = ["javascript:alert(1)", "java\nscript:alert(1)", " javascript:x", "data:text/html,x"];
    for (const href of [...refused, "blob:https://x/1", "file:///etc/passwd", "/n", "//x", "", undefined]) {
      expect(safeAddress(href), href).toBeUndefined();
    }
    expect(safeAddress(`https://example.org/${"x".repeat(9_000)}`)).toBeUndefined();
    expect(readOutward({ type: "frame-link", href: "javascript:x" })).toBeUndefined();
    expect(readOutward({ type: "frame-link", href: { toString: () => "https://x" } })).toBeUndefined();
  });

  it("makes plain names of files", () => {
    const names = [
      ["a b.csv", "a b.csv"],
      ["../../etc/passwd", "passwd"],
      ["C:\\x\\y.txt", "y.txt"],
      [".bashrc", "bashrc"],
      ["invoice\u202efdp.exe", "invoicefdp.exe"],
      ["a\u0000\n<b>.txt", "ab.txt"],
      ["Größe.png", "Größe.png"],
      ["..", "download"],
      ["", "download"],
    ];
    for (const [given, plain] of names) expect(safeName(given)).toBe(plain);
    const long = safeName(`${"x".repeat(500)}.csv`);
    expect([long.length, long.endsWith("x.csv")]).toEqual([120, true]);
  });

  it("reads the bytes of data addresses, and takes them for bytes only", async () => {
    const read = async (href: string) => dataBytes(href)?.text();
    expect(await read("data:text/csv,a%2Cb%0A100%")).toBe("a,b\n100%");
    expect(await read("data:text/plain;base64,w6Q=")).toBe("ä");
    expect(await read("data:image/png;charset=x;base64,AAEC")).toBe("\u0000\u0001\u0002");
    expect(dataBytes("data:text/html;base64,%%%")).toBeUndefined();
    expect(dataBytes("https://example.org/,x")).toBeUndefined();
    const file = readOutward({ type: "frame-file", name: "x.html", href: "data:text/html,<b>" });
    expect(file?.type === "file" && file.bytes.type).toBe("application/octet-stream");
    const blob = new Blob(["x"], { type: "text/html" });
    const given = readOutward({ type: "frame-file", name: "x.html", blob });
    expect(given?.type === "file" && given.bytes.type).toBe("application/octet-stream");
  });

  it("names the host of what was blocked, whatever is said of it", () => {
    const blocked = (what: unknown, uri: unknown) => readOutward({ type: "frame-blocked", what, uri });
    expect(blocked("code", "https://cdn.example.org:8443/x.js")).toEqual({
      type: "blocked",
      blocked: { kind: "code", host: "cdn.example.org:8443" },
    });
    expect(blocked("page", "https://x.org/y")).toHaveProperty("blocked.kind", "page");
    expect(blocked("Click here", "https://x.org/")).toHaveProperty("blocked.kind", "other");
    expect(blocked("code", "Call 555")).toBeUndefined();
    expect(readOutward({ type: "frame-failed", why: "x".repeat(999) })).toEqual({
      type: "failed",
      why: "x".repeat(300),
    });
    expect(readOutward({ type: "frame-failed", why: {} })).toBeUndefined();
    expect(readOutward({ type: "frame-scroll", top: Number.NaN })).toBeUndefined();
    expect(readOutward({ type: "frame-left", key: "Enter" })).toEqual({ type: "left" });
    expect(readOutward("frame-link")).toBeUndefined();
  });
});
