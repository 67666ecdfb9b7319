// The size that a picture is to have, in CSS pixels, as far as its producer says.
import { number, record } from "../api/shape";

export interface PictureSize {
  width?: number | undefined;
  height?: number | undefined;
}

const MAX_SIDE = 10_000;

/** From the metadata of its MIME type (nbformat); numbers only. */
export function readSize(metadata: unknown, mime: string): PictureSize {
  const own = record(record(metadata)?.[mime]);
  const side = (name: string) => {
    const given = number(own, name);
    return given === undefined || given < 1 ? undefined : Math.min(Math.round(given), MAX_SIDE);
  };
  return { width: side("width"), height: side("height") };
}

/** Shape and width as styles: a picture keeps its own shape, an empty place has the one it was told. */
export function placeStyle({ width, height }: PictureSize): Record<string, string> {
  if (width !== undefined && height !== undefined)
    return { width: `${width}px`, aspectRatio: `auto ${width} / ${height}` };
  if (width !== undefined) return { width: `${width}px` };
  return height === undefined ? {} : { height: `${height}px` };
}
