// Markdown to sanitised HTML; loaded when the first text is shown.
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

export function markdownHtml(source: string): { html: string; maths: MathPiece[] } {
  const { text, maths } = takeMaths(source);
  return { html: DOMPurify.sanitize(renderer.render(text), POLICY), maths };
}
