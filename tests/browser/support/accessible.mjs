// axe-core's checks on a page as it is shown, light and dark, wide and narrow.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** The page's own policy allows no script of a test: contexts that are checked set it aside. */
export const CHECKED = { bypassCSP: true };

/** The width down to which nothing scrolls sideways (WCAG 2.2, 1.4.10), in CSS pixels. */
const NARROW = 320;

/** Names what reaches beyond the window; runs in the page. */
function wideElements() {
  const wide = [...document.querySelectorAll("body *")].filter((element) => element.getBoundingClientRect().right > innerWidth);
  return wide.map((element) => `${element.tagName}.${element.className} ${element.getBoundingClientRect().right}`).join(", ");
}

export async function assertAccessible(page, what) {
  const size = page.viewportSize();
  for (const [colorScheme, width] of [
    ["light", 1280],
    ["dark", 1280],
    ["light", NARROW],
    ["dark", NARROW],
  ]) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    await page.setViewportSize({ width, height: 860 });
    await page.locator(`html[data-theme="${colorScheme}"]`).waitFor();
    const fits = page.waitForFunction(
      () =>
        document.documentElement.scrollWidth <= innerWidth &&
        [...document.querySelectorAll("dialog[open]")].every((dialog) => dialog.scrollWidth <= dialog.clientWidth),
      undefined,
      { timeout: 5_000 },
    );
    await fits.catch(async () => assert.fail(`${what} is wider than ${width} px: ${await page.evaluate(wideElements)}`));
    // Colours that are still on their way to the other theme are nobody's final colours.
    await page.waitForFunction(() =>
      document
        .getAnimations()
        .every(({ playState, effect }) => playState !== "running" || effect.getComputedTiming().endTime === Infinity),
    );
    // Outputs in frames are other people's pages.
    await page.evaluate(axe);
    const { violations } = await page.evaluate(() => window.axe.run({ exclude: [["iframe"]] }, { iframes: false }));
    const told = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html, failureSummary }) => `${html}\n${failureSummary}`).join("\n")}`);
    assert.deepEqual(told, [], `${what}, ${colorScheme}, ${width} px`);
  }
  await page.setViewportSize(size);
  // Before it is drawn the browser may take a click for one into a frame that was there.
  await page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))));
}
