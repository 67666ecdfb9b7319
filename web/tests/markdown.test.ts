// @vitest-environment jsdom
import { describe, expect, it } from "vitest";
import { attachedPicture } from "../src/outputs/attachments";
import { markdownHtml } from "../src/outputs/markdown-html";
import { fillMarkdown } from "../src/outputs/set-maths";

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

  it("keeps names of places and addresses of pictures where they mean nothing to the browser", () => {
    const { html } = markdownHtml(
      '<a id="app" name="x"></a>![a](attachment:a%20b.png) ![b](https://example.org/b.png) ' +
        '<p data-section="own" data-picture="own">t</p> ![c](data:image/png;base64,AAEC)',
    );
    expect(html).not.toMatch(/\s(id|name)=|src="(?!data:image)/);
    expect(html).toContain('data-section="app"');
    expect(html).toContain('data-picture="attachment:a%20b.png"');
    expect(html).toContain('data-picture="https://example.org/b.png"');
    expect(html).not.toContain("own");
    expect(html).toContain('src="data:image/png;base64,AAEC"');
  });

  const HASH = "a".repeat(64);

  it("finds the picture that is attached, in the best form", () => {
    const png = { "image/png": { blob_hash: HASH, encoding: "base64" } };
    const bundle = { "image/svg+xml": { blob_hash: "b".repeat(64), encoding: "text" }, ...png };
    expect(attachedPicture({ "x.png": bundle }, "x.png")).toEqual({ mime: "image/png", hash: HASH });
    const odd = { "text/plain": png["image/png"], "image/x-odd": png["image/png"] };
    expect(attachedPicture({ x: odd }, "x")).toEqual({ mime: "image/x-odd", hash: HASH });
    for (const name of ["y.png", "constructor", "__proto__"]) {
      expect(attachedPicture({ "x.png": bundle }, name)).toBeUndefined();
    }
    expect(attachedPicture({ x: { "image/png": { blob_hash: "../../x" } } }, "x")).toBeUndefined();
    expect(attachedPicture(undefined, "x")).toBeUndefined();
  });

  async function filled(source: string, url: Promise<string> = Promise.resolve("blob:picture")) {
    const root = document.createElement("div");
    const asked: string[] = [];
    let released = 0;
    const release = () => {
      released += 1;
    };
    const find = (name: string) => {
      asked.push(name);
      const lease = { value: url, release };
      return name === "a b.png" ? lease : undefined;
    };
    const letGo = await fillMarkdown(root, source, find, () => true);
    await new Promise((done) => setTimeout(done));
    letGo();
    return { root, asked, released };
  }

  it("shows attached pictures, and in place of others where they are", async () => {
    const { root, asked, released } = await filled(
      "![one](attachment:a%20b.png) ![two](attachment:no.png) ![three](https://example.org/3.png) " +
        "[![four](https://example.org/4.png)](https://example.org/) ![five](img/5.png)",
    );
    expect(asked).toEqual(["a b.png", "no.png"]);
    expect([...root.querySelectorAll("img")].map((img) => [img.src, img.alt])).toEqual([
      ["blob:picture", "one"],
    ]);
    expect([...root.querySelectorAll(".picture-note")].map((note) => note.textContent)).toEqual([
      "Picture not in this notebook (attachment:no.png): two",
      "Picture not loaded from elsewhere: three",
      "Picture not loaded from elsewhere: four",
      "Picture not in this notebook (img/5.png): five",
    ]);
    expect([...root.querySelectorAll("a")].map(({ href }) => href)).toEqual([
      "https://example.org/3.png",
      "https://example.org/",
    ]);
    expect(released).toBe(1);
  });

  it("names headings as Jupyter does, and stays in the page for links to them", async () => {
    const { root } = await filled("# My *part*\n\n[there](#My-part) [out](https://example.org)");
    expect(root.querySelector("h1")?.dataset.section).toBe("My-part");
    expect(root.querySelector("h1")?.id).toBe("");
    const [there, out] = [...root.querySelectorAll("a")];
    expect([there?.target, out?.target]).toEqual(["", "_blank"]);
    const click = new MouseEvent("click", { cancelable: true });
    there?.dispatchEvent(click);
    expect(click.defaultPrevented).toBe(true);
  });
});
