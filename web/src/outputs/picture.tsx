// A picture in the size that its producer gave it, never wider than the column; its place is there before it has come.
import { useUrl } from "./content";
import type { ContentRef } from "./model";
import { type PictureSize, placeStyle } from "./picture-size";

interface PictureProps {
  notebookId: string;
  content: ContentRef;
  mime: string;
  size: PictureSize;
  alt: string;
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
