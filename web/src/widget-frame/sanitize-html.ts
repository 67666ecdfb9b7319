// What the widgets' manager asks of the package `sanitize-html`, done by the sanitizer that is here already.
import DOMPurify from "dompurify";

interface Policy {
  allowedTags: string[];
}

export default function sanitize(html: string, { allowedTags }: Policy): string {
  return DOMPurify.sanitize(html, {
    ALLOWED_TAGS: allowedTags,
    ALLOWED_ATTR: ["class", "style", "title", "href", "src"],
    ALLOW_DATA_ATTR: false,
  });
}
