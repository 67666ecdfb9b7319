// Getting a payload into a component: at once when inline, fetched when it is a blob.
import { useEffect, useState } from "preact/hooks";
import { blobObjectUrl, blobText } from "../api/blobs";
import { messageOf } from "../api/http";
import type { ContentRef } from "./model";

const NOTHING = { blob: "", size: 0 };

export type Loaded =
  | { state: "loading" }
  | { state: "failed"; why: string }
  | { state: "ready"; value: string };

function useLoaded(inline: string | undefined, key: string, load: () => Promise<string>): Loaded {
  const [loaded, setLoaded] = useState<{ key: string; result: Loaded }>({
    key: "",
    result: { state: "loading" },
  });
  useEffect(() => {
    if (inline !== undefined) return;
    let current = true;
    const done = (result: Loaded) => {
      if (current) setLoaded({ key, result });
    };
    load().then(
      (value) => done({ state: "ready", value }),
      (error: unknown) => done({ state: "failed", why: messageOf(error) }),
    );
    return () => {
      current = false;
    };
  }, [key, inline]);
  if (inline !== undefined) return { state: "ready", value: inline };
  return loaded.key === key ? loaded.result : { state: "loading" };
}

export function useText(notebookId: string, content: ContentRef): Loaded {
  const inline = "inline" in content ? content.inline : undefined;
  const { blob, size } = "blob" in content ? content : NOTHING;
  return useLoaded(inline, blob, () => blobText(notebookId, blob, size));
}

/** Several payloads in order, as one text. */
export function useTexts(notebookId: string, parts: readonly ContentRef[]): Loaded {
  const blobs = parts.filter((part) => "blob" in part);
  const [texts, setTexts] = useState<ReadonlyMap<string, string>>(new Map());
  const [why, setWhy] = useState<string | undefined>();
  const key = blobs.map(({ blob }) => blob).join(" ");
  useEffect(() => {
    setWhy(undefined);
    if (blobs.length === 0) return;
    let current = true;
    const load = async ({ blob, size }: { blob: string; size: number }) =>
      [blob, await blobText(notebookId, blob, size)] as const;
    Promise.all(blobs.map(load)).then(
      (pairs) => current && setTexts(new Map(pairs)),
      (error: unknown) => current && setWhy(messageOf(error)),
    );
    return () => {
      current = false;
    };
  }, [key]);
  if (why !== undefined) return { state: "failed", why };
  const read = parts.map((part) => ("inline" in part ? part.inline : texts.get(part.blob)));
  if (read.some((text) => text === undefined) && texts.size === 0) return { state: "loading" };
  return { state: "ready", value: read.join("") };
}

/** A URL for an image: blobs by an object URL, inline data as it is. */
export function useUrl(notebookId: string, content: ContentRef, mime: string): Loaded {
  const inline = "inline" in content ? `data:${mime};base64,${content.inline.replace(/\s/g, "")}` : undefined;
  const { blob, size } = "blob" in content ? content : NOTHING;
  return useLoaded(inline, `${blob} ${mime}`, () => blobObjectUrl(notebookId, blob, size, mime));
}
