// Shows one output of a notebook. This document runs in a sandbox without an origin of its own: it can reach
// neither the page nor the server, and speaks to the page by messages.
import { setInk } from "../outputs/ink";
import { isScripted } from "../outputs/model";
import { watchHeight } from "./height";
import { tellNested, watchOutward } from "./outward";
import { runIn } from "./run";

const output = document.getElementById("output") ?? document.body;
const tell = (message: Record<string, unknown>) => parent.postMessage(message, "*");

const measure = watchHeight((height) => tell({ type: "notebook-output-height", height }));

function runScripts(root: HTMLElement): void {
  for (const old of root.querySelectorAll("script")) {
    const script = document.createElement("script");
    for (const { name, value } of old.attributes) script.setAttribute(name, value);
    script.textContent = old.textContent;
    old.replaceWith(script);
  }
}

/** The ground of every other row of a table. */
function themedGround(): string {
  const probe = document.createElement("div");
  probe.style.background = "var(--soft)";
  document.body.append(probe);
  const { backgroundColor } = getComputedStyle(probe);
  probe.remove();
  return backgroundColor;
}

function render(mime: string, content: string): void {
  if (mime === "application/javascript") {
    output.replaceChildren();
    const why = runIn(output, content);
    if (why !== undefined) {
      const pre = document.createElement("pre");
      pre.className = "failed";
      pre.textContent = why;
      output.append(pre);
    }
  } else {
    output.innerHTML = content;
    output.className = mime === "image/svg+xml" ? "drawing" : "";
    setInk(output, [themedGround()]);
    runScripts(output);
    tellNested(output, tell);
  }
  measure();
}

let shown: string | undefined;
let isQuiet = false;
watchOutward(tell, () => isQuiet);
addEventListener("message", ({ source, data }) => {
  if (source !== parent || typeof data !== "object" || data === null) return;
  const { type, mime, content, dark } = data;
  if (type !== "notebook-output-render" || typeof mime !== "string" || typeof content !== "string") return;
  document.documentElement.toggleAttribute("data-dark", dark === true);
  const key = `${mime}\n${content}`;
  if (key === shown) return;
  shown = key;
  isQuiet = !isScripted(mime, content);
  render(mime, content);
  tell({ type: "notebook-output-drawn" });
});
tell({ type: "notebook-output-ready" });
