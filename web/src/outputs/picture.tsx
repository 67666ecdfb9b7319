// A picture in the size that its producer gave it, never wider than the column; its place is there before it has come.
import { useUrl } from "./content";
import type { ContentRef, PictureSize } from "./model";

interface PictureProps {
  notebookId: string;
  content: ContentRef;
  mime: string;
  size: PictureSize;
  alt: string;
}

/** Shape and width as styles: a picture keeps its own shape, an empty place has the one it was told. */
export function placeStyle({ width, height }: PictureSize): Record<string, string> {
  if (width !== undefined && height !== undefined)
    return { width: `${width}px`, aspectRatio: `auto ${width} / ${height}` };
  if (width !== undefined) return { width: `${width}px` };
  return height === undefined ? {} : { height: `${height}px` };
}

export function Picture({ notebookId, content, mime, size, alt }: PictureProps) {
  const url = useUrl(notebookId, content, mime);
  const style = placeStyle(size);
  if (url.state === "failed") return <p class="output-note">{url.why}</p>;
  if (url.state === "loading") {
    return (
      <p class="output-note picture-place" style={style}>
        Fetching the picture…
      </p>
    );
  }
  return <img class="output-image" data-testid="output-image" src={url.value} alt={alt} style={style} />;
}
