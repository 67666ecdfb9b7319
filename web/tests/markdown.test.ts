// @vitest-environment jsdom
import { describe, expect, it } from "vitest";
import { attachedPicture } from "../src/outputs/attachments";
import { inkOn } from "../src/outputs/ink";
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

  it("lets its HTML colour and align itself, and nothing that could lie over the page", async () => {
    const { root } = await filled(
      '<p style="text-align: center; color: red; position: fixed; margin: -99px; width: 4000px">t</p>' +
        '<p style="background: url(https://example.org/); padding: 4px; z-index: 9; font-size: 20px">u</p>' +
        '<p style="background-color: #ffff00">y</p><p style="background: #000080">n</p>' +
        '<p style="background-color: white; color: black">own</p><p data-look="color: red">v</p>' +
        '<p style="width: 900px">w</p>',
    );
    const [t, u, yellow, navy, own, v, w] = [...root.querySelectorAll("p")].map(({ style }) => style);
    expect([t?.textAlign, t?.position, t?.margin, t?.width]).toEqual(["center", "", "", ""]);
    expect([t?.color, t?.getPropertyValue("--given")]).toEqual(["", "red"]);
    expect([u?.background, u?.padding, u?.zIndex, u?.fontSize]).toEqual(["", "4px", "", "20px"]);
    expect(yellow?.color).toBe(inkOn("rgb(255, 255, 0)"));
    expect(navy?.color).toBe(inkOn("rgb(0, 0, 128)"));
    expect(yellow?.color).not.toBe(navy?.color);
    expect(own?.color).toBe("black");
    expect(v?.length).toBe(0);
    expect([w?.width, w?.maxWidth]).toEqual(["900px", "100%"]);
    expect(root.innerHTML).not.toContain("data-look");
  });

  it("lets no length be reckoned, or taken from the window", async () => {
    const refused = [
      ...["margin-top: calc(1px - 90vh)", "height: calc(999px + 999vh)", "padding: min(1px, 5px)"],
      ...["font-size: 999vw", "height: 50svh", "width: 90vmax", "width: 50cqw", "width: 50DVB"],
      ...["height: max(9px, var(--x))", "width: attr(x px)", "margin: calc(0px - 1em)"],
    ];
    const { root } = await filled(refused.map((style) => `<p style="${style}">t</p>`).join(""));
    expect([...root.querySelectorAll("p")].map(({ style }) => style.cssText)).toEqual(refused.map(() => ""));
    const allowed =
      "margin-top: 2em; width: 50%; border-top: 1px solid rgba(1, 2, 3, 0.5); font-family: Vera, serif";
    const kept = (await filled(`<p style="${allowed}">t</p>`)).root.querySelector("p")?.style;
    expect([kept?.marginTop, kept?.width, kept?.fontFamily]).toEqual(["2em", "50%", "Vera, serif"]);
    expect(kept?.borderTopColor).toBe("rgba(1, 2, 3, 0.5)");
  });

  it("finds ink for a ground, but for none that shows what is below", () => {
    expect(inkOn("rgb(255, 255, 255)")).toBe(inkOn("rgba(255, 255, 0, 0.9)"));
    expect(inkOn("rgb(0, 0, 0)")).not.toBe(inkOn("rgb(255, 255, 255)"));
    for (const ground of ["rgba(0, 0, 0, 0)", "rgba(255, 0, 0, 0.2)", "transparent", ""])
      expect(inkOn(ground)).toBeUndefined();
  });

  it("aligns the columns of tables as they say", async () => {
    const { root } = await filled("| a | b |\n|--:|:-:|\n| 1 | 2 |");
    const aligned = [...root.querySelectorAll<HTMLElement>("th, td")].map(({ style }) => style.textAlign);
    expect(aligned).toEqual(["right", "center", "right", "center"]);
  });

  it("makes boxes of tasks, and of nothing else in brackets", async () => {
    const { root } = await filled(
      "- [x] done\n- [ ] open\n- [y] other\n\n1. [X] apart\n\n2. last\n\n[x] text",
    );
    const boxes = [...root.querySelectorAll("input")];
    expect(boxes.map(({ checked, disabled }) => [checked, disabled])).toEqual([
      [true, true],
      [false, true],
      [true, true],
    ]);
    expect([...root.querySelectorAll("li")].map((item) => item.textContent?.trim())).toEqual([
      "done",
      "open",
      "[y] other",
      "apart",
      "last",
    ]);
  });

  it("colours fenced Python, leaves its letters, and leaves other code plain", async () => {
    const { root } = await filled("```python\ndef f(x):\n    return 'ä'  # why\n```\n\n```text\ndef f\n```");
    const [python, other] = [...root.querySelectorAll("pre > code")];
    expect(python?.textContent).toBe("def f(x):\n    return 'ä'  # why\n");
    expect([...(python?.querySelectorAll(".code-keyword") ?? [])].map((span) => span.textContent)).toEqual([
      "def",
      "return",
    ]);
    expect(python?.querySelector(".code-comment")?.textContent).toBe("# why");
    expect(other?.children.length).toBe(0);
  });

  it("keeps the classes of Jupyter's alerts", () => {
    const { html } = markdownHtml('<div class="alert alert-block alert-info">Note</div>');
    expect(html).toContain('class="alert alert-block alert-info"');
  });
});
