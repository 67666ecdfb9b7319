// Markdown to sanitised HTML; loaded when the first text is shown.
import "./markdown.css";
import DOMPurify from "dompurify";
import MarkdownIt from "markdown-it";
import { type MathPiece, takeMaths } from "./maths";

const renderer = new MarkdownIt({ html: true, linkify: true, typographer: false });

const POLICY = {
  FORBID_TAGS: ["style", "form", "input", "button", "textarea", "select", "iframe", "object", "embed"],
  FORBID_ATTR: ["style", "srcset", "id", "name"],
  ALLOW_DATA_ATTR: false,
  USE_PROFILES: { html: true },
};

interface Kept {
  section: string | null;
  picture: string | null;
  style: string | null;
}

const NOTHING: Kept = { section: null, picture: null, style: null };

// What is not let through as it stands, but under names that mean something to us alone: places that links lead to,
// which as ids could take the page's own; where pictures are, which the browser would go and fetch; and styles, of
// which not everything may be.
const kept = new WeakMap<Element, Kept>();
DOMPurify.addHook("beforeSanitizeAttributes", (element) => {
  // Texts come by here as well.
  if (element.nodeType !== Node.ELEMENT_NODE) return;
  const isPicture = element.tagName === "IMG";
  const picture = isPicture ? element.getAttribute("src") : null;
  const section = element.getAttribute("id") ?? element.getAttribute("name");
  kept.set(element, { section, picture, style: element.getAttribute("style") });
  if (isPicture && !/^\s*data:/i.test(picture ?? "")) element.removeAttribute("src");
});
DOMPurify.addHook("afterSanitizeAttributes", (element) => {
  const { section, picture, style } = kept.get(element) ?? NOTHING;
  if (section) element.setAttribute("data-section", section);
  if (picture && !element.hasAttribute("src")) element.setAttribute("data-picture", picture);
  if (style) element.setAttribute("data-look", style);
});

export function markdownHtml(source: string): { html: string; maths: MathPiece[] } {
  const { text, maths } = takeMaths(source);
  return { html: DOMPurify.sanitize(renderer.render(text), POLICY), maths };
}
