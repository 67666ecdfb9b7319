// @vitest-environment jsdom
import { describe, expect, it } from "vitest";
import { markdownHtml } from "../src/outputs/markdown-html";

describe("Markdown", () => {
  it("renders text, tables and links", () => {
    const { html } = markdownHtml("# Hi\n\n| a |\n|---|\n| 1 |\n\n[x](https://example.org)");
    expect(html).toContain("<h1>Hi</h1>");
    expect(html).toContain("<table>");
    expect(html).toContain('href="https://example.org"');
  });

  it("lets nothing run: scripts, handlers, script addresses, frames, styles", () => {
    const { html } = markdownHtml(
      "<script>alert(1)</script><img src=x onerror=alert(1)><a href='javascript:alert(1)'>x</a>" +
        "<iframe src='/'></iframe><p style='position:fixed'>t</p><form action='/'><input></form>",
    );
    expect(html).not.toMatch(/script|onerror|iframe|style=|<form|<input/i);
  });
});
