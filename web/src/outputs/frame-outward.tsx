// Follows what leads out of a frame, if a person asked for it there: links open in windows of their own, files are
// offered, `#fragments` are scrolled to, and the keyboard comes back. What the frame may not load, and how a script of it
// failed, is told below it.
import type { RefObject } from "preact";
import { useCallback, useEffect, useState } from "preact/hooks";
import { save } from "../ui/save";
import { toast } from "../ui/toasts";
import { type Blocked, type BlockedKind, type Outward, readOutward } from "./outward";

/** Hosts that are named below one frame. */
const MAX_BLOCKED = 4;
/** A frame that was clicked offers one file at a time. */
const OFFER_PAUSE_MS = 1_000;
/** What stands above the place that is scrolled to. */
const SCROLL_MARGIN = 72;
let offered = 0;

/** Whether a person has just done something, and in this frame, as far as the browser tells. */
function isAsked(frame: HTMLElement, what: Outward["type"]): boolean {
  // To a browser, Escape alone is no sign of a person.
  const isActive = what === "left" || navigator.userActivation?.isActive !== false;
  return document.activeElement === frame && isActive;
}

function open(address: string): void {
  const link = document.createElement("a");
  link.href = address;
  link.target = "_blank";
  link.rel = "noopener noreferrer";
  link.click();
}

function sizeText(bytes: number): string {
  return bytes < 1_000 ? `${bytes} B` : `${Math.round(bytes / 1_000).toLocaleString()} kB`;
}

/**
 * What a person does in a frame counts as done on it: a press selects its cell, an Escape gives the keyboard back. No
 * other key is taken from a frame, so none can be forged that runs or changes a cell. Nor can a frame choose where the
 * keyboard goes: it must have it, which comes back to where it was, or to the frame's own cell if the pointer is there.
 */
function handBack(frame: HTMLElement, type: "pressed" | "left"): void {
  if (type === "left") frame.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true }));
  else if (frame.matches(":hover")) frame.dispatchEvent(new MouseEvent("mousedown", { bubbles: true }));
}

function follow(frame: HTMLElement, outward: Exclude<Outward, { type: "blocked" | "failed" }>): void {
  if (!isAsked(frame, outward.type)) return;
  switch (outward.type) {
    case "link":
      open(outward.address);
      break;
    case "file": {
      if (Date.now() - offered < OFFER_PAUSE_MS) return;
      offered = Date.now();
      const { name, bytes } = outward;
      toast(`An output offers the file “${name}” (${sizeText(bytes.size)}).`, {
        label: "Save",
        run: () => save(name, bytes),
      });
      break;
    }
    case "scroll": {
      const { top, height } = frame.getBoundingClientRect();
      scrollBy({ top: top + Math.min(Math.max(outward.top, 0), height) - SCROLL_MARGIN });
      break;
    }
    default:
      handBack(frame, outward.type);
  }
}

export interface Trouble {
  blocked: readonly Blocked[];
  /** How the first script failed: what fails after it may only follow from that. */
  failed: string | undefined;
}

const NONE: Trouble = { blocked: [], failed: undefined };

/** `content` is what the frame shows: other content begins without trouble. */
export function useOutward(frame: RefObject<HTMLElement | null>, content: string) {
  const [trouble, setTrouble] = useState(NONE);
  useEffect(() => setTrouble(NONE), [content]);
  /** To be called with what came from the frame's own window only. */
  const hear = useCallback(
    (data: unknown) => {
      const outward = readOutward(data);
      if (outward === undefined || frame.current === null) return;
      if (outward.type === "failed") {
        setTrouble((all) => ({ ...all, failed: all.failed ?? outward.why }));
      } else if (outward.type === "blocked") {
        const { kind, host } = outward.blocked;
        setTrouble((all) => {
          const isKnown = all.blocked.some((one) => one.kind === kind && one.host === host);
          if (isKnown || all.blocked.length >= MAX_BLOCKED) return all;
          return { ...all, blocked: [...all.blocked, outward.blocked] };
        });
      } else follow(frame.current, outward);
    },
    [frame],
  );
  return { hear, trouble };
}

const WANTED: Record<BlockedKind, string> = {
  code: "loads code from",
  picture: "shows pictures from",
  page: "shows a page of",
  other: "loads data from",
};

function BlockedNote({ blocked }: Pick<Trouble, "blocked">) {
  if (blocked.length === 0) return null;
  const kinds = (Object.keys(WANTED) as BlockedKind[]).flatMap((kind) => {
    const hosts = blocked.filter((one) => one.kind === kind).map(({ host }) => host);
    return hosts.length === 0 ? [] : [`${WANTED[kind]} ${hosts.join(", ")}`];
  });
  return (
    <p class="output-note" data-testid="output-blocked">
      This output {kinds.join(" and ")}; nothing is loaded from elsewhere here.
    </p>
  );
}

export function TroubleNote({ blocked, failed }: Trouble) {
  return (
    <>
      {failed !== undefined && (
        <p class="output-note" data-testid="output-script-failed">
          A script of this output failed: {failed.replace(/^Uncaught /, "")}
        </p>
      )}
      <BlockedNote blocked={blocked} />
    </>
  );
}
