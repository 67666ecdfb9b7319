// Styles that Markdown's HTML gives itself: those that colour and align its own words, and nothing that could lie over the
// page. They are set one by one, since the page's policy lets no style attribute be.
import { inkOn } from "./ink";

const ALLOWED = new RegExp(
  [
    "color|background-color|float",
    "text-(align|decoration(-line|-style|-color)?)|vertical-align",
    "font-(size|weight|style|family)",
    "(max-)?width|height",
    "(padding|margin)(-(top|right|bottom|left))?",
    "border(-(top|right|bottom|left))?(-(color|style|width))?",
    "border-((top|bottom)-(left|right)-)?radius",
  ]
    .map((names) => `^(${names})$`)
    .join("|"),
);
/** Functions other than colours, lengths by the window or a container, negative ones, and those beyond a thousand. */
const REFUSED = /(?<!\b(rgb|hsl)a?)\(|\d([dls]?v|cq)|-[\d.]|(?<![\d.])\d{4}|e\+/i;
const MAX_LENGTH = 1_000;

/** The properties of a style that are allowed. */
function allowedIn(style: string): [string, string][] {
  const probe = document.createElement("span");
  probe.style.cssText = style.slice(0, MAX_LENGTH);
  return [...probe.style].flatMap((name) => {
    const value = probe.style.getPropertyValue(name);
    return ALLOWED.test(name) && !REFUSED.test(value) ? [[name, value] as [string, string]] : [];
  });
}

/** Colours are chosen for white paper: ink goes with its ground, or, without one, with the theme (`markdown.css`). */
function setColours(element: HTMLElement): void {
  const { color, backgroundColor } = element.style;
  if (backgroundColor !== "" || element.hasAttribute("bgcolor")) {
    element.classList.add("has-ground");
    if (color === "") element.style.color = inkOn(getComputedStyle(element).backgroundColor) ?? "";
  } else if (color !== "") {
    element.style.color = "";
    element.style.setProperty("--given", color);
    element.classList.add("is-coloured");
  }
}

export function setStyles(root: HTMLElement): void {
  for (const element of root.querySelectorAll<HTMLElement>("[data-look], [bgcolor]")) {
    for (const [name, value] of allowedIn(element.dataset.look ?? "")) element.style.setProperty(name, value);
    delete element.dataset.look;
    // A window may be narrower than who wrote that thought.
    if (element.style.width !== "") element.style.maxWidth = "100%";
    setColours(element);
  }
}
