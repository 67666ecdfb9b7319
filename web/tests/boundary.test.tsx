// @vitest-environment jsdom
import { render } from "preact";
import { afterEach, describe, expect, it, vi } from "vitest";
import { Boundary } from "../src/ui/boundary";
import { isOther } from "../src/ui/newer-page";

function Part({ word }: { word: string }) {
  if (word === "bad") throw new Error("it broke");
  return <b>{word}</b>;
}

describe("a part of the page that fails", () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  it("says why, leaves the others, and gets another try with something else", async () => {
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    const root = document.createElement("div");
    const shows = async (word: string, expected: string) => {
      render(
        <>
          <i>beside</i>
          <Boundary of={word} fallback={(why) => <p>{why}</p>}>
            <Part word={word} />
          </Boundary>
        </>,
        root,
      );
      await vi.waitFor(() => expect(root.innerHTML).toBe(expected));
    };
    await shows("good", "<i>beside</i><b>good</b>");
    await shows("bad", "<i>beside</i><p>it broke</p>");
    await shows("better", "<i>beside</i><b>better</b>");
  });
});

describe("the server's page", () => {
  const page = (src: string) =>
    `<head><script type="module" crossorigin src="${src}"></script><link href="/assets/a.css"></head>`;

  it("is another one if it begins with another script", () => {
    expect(isOther(page("/assets/index-b.js"), "/assets/index-a.js")).toBe(true);
    expect(isOther(page("/assets/index-a.js"), "/assets/index-a.js")).toBe(false);
    expect(isOther("502 Bad Gateway", "/assets/index-a.js")).toBe(false);
  });
});
