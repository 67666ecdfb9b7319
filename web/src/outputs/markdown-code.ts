// Fenced Python in Markdown in the colours of the editor.
import { highlightTree, tagHighlighter, tags } from "@lezer/highlight";
import { parser } from "@lezer/python";

/** Longer ones stay plain. */
const MAX_LENGTH = 50_000;

const CLASSES = tagHighlighter([
  { tag: [tags.keyword, tags.modifier, tags.operatorKeyword], class: "code-keyword" },
  { tag: [tags.string, tags.special(tags.string)], class: "code-string" },
  { tag: [tags.number, tags.bool, tags.null, tags.atom], class: "code-number" },
  { tag: [tags.comment, tags.meta], class: "code-comment" },
  { tag: [tags.function(tags.variableName), tags.function(tags.propertyName)], class: "code-function" },
  { tag: [tags.definition(tags.variableName), tags.className, tags.typeName], class: "code-definition" },
]);

function highlight(element: Element): void {
  const code = element.textContent ?? "";
  if (code.length > MAX_LENGTH) return;
  const pieces: (string | HTMLElement)[] = [];
  let at = 0;
  highlightTree(parser.parse(code), CLASSES, (from, to, classes) => {
    const span = document.createElement("span");
    span.className = classes;
    span.textContent = code.slice(from, to);
    pieces.push(code.slice(at, from), span);
    at = to;
  });
  element.replaceChildren(...pieces, code.slice(at));
}

export function setCode(root: HTMLElement): void {
  for (const element of root.querySelectorAll("pre > code")) {
    if (/\blanguage-i?py(thon3?)?\b/i.test(element.className)) highlight(element);
  }
}
