// Getting a payload into a component: at once when inline, fetched when it is a blob; the last one stays meanwhile.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { blobObjectUrl, blobText } from "../api/blobs";
import { messageOf } from "../api/http";
import type { Lease } from "../api/object-urls";
import { Latest } from "./latest";
import type { ContentRef } from "./model";

const NOTHING = { blob: "", size: 0 };

export type Loaded =
  | { state: "loading" }
  | { state: "failed"; why: string }
  /** With the key that it was asked for by, which may be an earlier one than that of now. */
  | { state: "ready"; value: string; key: string };

/** Nobody need give back a text. */
function kept<T>(value: Promise<T>): Lease<T> {
  return { value, release: () => undefined };
}

function useLoaded(inline: string | undefined, key: string, begin: () => Lease<string>): Loaded {
  const [result, setResult] = useState<Loaded>({ state: "loading" });
  const latest = useMemo(
    () =>
      new Latest<{ value: string; key: string }>((settled) =>
        setResult(
          settled.state === "ready"
            ? { state: "ready", ...settled.value }
            : { state: "failed", why: messageOf(settled.why) },
        ),
      ),
    [],
  );
  useEffect(() => () => latest.close(), [latest]);
  useEffect(() => {
    latest.ask(() => {
      const lease = inline === undefined ? begin() : kept(Promise.resolve(inline));
      return { ...lease, value: lease.value.then((value) => ({ value, key })) };
    });
  }, [latest, key, inline]);
  return inline === undefined ? result : { state: "ready", value: inline, key };
}

/** A text; `key` names what it is the content of. */
export function useText(notebookId: string, content: ContentRef, key = ""): Loaded {
  const inline = "inline" in content ? content.inline : undefined;
  const { blob, size } = "blob" in content ? content : NOTHING;
  return useLoaded(inline, `${key} ${blob}`, () => kept(blobText(notebookId, blob, size)));
}

/** Several payloads in order, as one text. */
export function useTexts(notebookId: string, parts: readonly ContentRef[]): Loaded {
  const blobs = parts.filter((part) => "blob" in part);
  const [texts, setTexts] = useState<ReadonlyMap<string, string>>(new Map());
  const [why, setWhy] = useState<string | undefined>();
  const last = useRef("");
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
  const missing = read.indexOf(undefined);
  if (missing < 0) last.current = read.join("");
  else if (texts.size === 0 && last.current === "") return { state: "loading" };
  // What goes on grows as it comes; what is something else stays as it was.
  else if (missing > 0) last.current = read.slice(0, missing).join("");
  return { state: "ready", value: last.current, key };
}

/** A URL for an image: blobs by an object URL, inline data as it is. */
export function useUrl(notebookId: string, content: ContentRef, mime: string): Loaded {
  const inline = "inline" in content ? `data:${mime};base64,${content.inline.replace(/\s/g, "")}` : undefined;
  const { blob, size } = "blob" in content ? content : NOTHING;
  return useLoaded(inline, `${blob} ${mime}`, () => blobObjectUrl(notebookId, blob, size, mime));
}
