// How the content of a MIME type is kept in documents and files (documents 6.3).

const TEXTS: readonly string[] = [
  "javascript",
  "ecmascript",
  "xml",
  "xhtml+xml",
  "mathml+xml",
  "sql",
  "graphql",
  "x-latex",
  "x-tex",
];

export function mimeKind(mime: string): "json" | "text" | "binary" {
  const [family, ...rest] = mime.split("/");
  const name = rest.join("/");
  if (family === "image") return name.endsWith("+xml") ? "text" : "binary";
  if (family === "audio" || family === "video") return "binary";
  if (family !== "application" || rest.length === 0) return "text";
  if (name === "json" || name.endsWith("+json") || name.endsWith(".json")) return "json";
  return TEXTS.includes(name) || name.endsWith("+xml") ? "text" : "binary";
}
