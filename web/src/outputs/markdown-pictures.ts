// Pictures in Markdown: those attached to the cell are shown; in place of those elsewhere stands where they are.
import type { Lease } from "../api/object-urls";
import { safeAddress } from "./outward";

/** A picture by the name that the cell gives it; nothing if the cell has none of that name. */
export type FindPicture = (name: string) => Lease<string> | undefined;

/** So much of a picture's address is shown at most. */
const MAX_SHOWN = 100;
const ATTACHMENT = /^attachment:/i;

function decoded(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

function note(picture: HTMLImageElement, words: string, address?: string): void {
  const element = document.createElement("span");
  element.className = "picture-note";
  element.append(words);
  const name = picture.alt || address;
  if (name) element.append(": ");
  // A picture that is itself a link leads where that leads.
  if (name && address !== undefined && picture.closest("a") === null) {
    const link = document.createElement("a");
    link.href = address;
    link.target = "_blank";
    link.rel = "noopener noreferrer";
    link.textContent = name;
    element.append(link);
  } else if (name) {
    element.append(name);
  }
  picture.replaceWith(element);
}

/** Returns what lets go of the pictures again. */
export function setPictures(root: HTMLElement, find: FindPicture): () => void {
  const leases: Lease<string>[] = [];
  for (const picture of root.querySelectorAll<HTMLImageElement>("img[data-picture]")) {
    const source = (picture.dataset.picture ?? "").trim();
    const address = safeAddress(source.startsWith("//") ? `https:${source}` : source);
    if (address !== undefined) {
      note(picture, "Picture not loaded from elsewhere", address);
      continue;
    }
    const lease = ATTACHMENT.test(source) ? find(decoded(source.replace(ATTACHMENT, ""))) : undefined;
    if (lease === undefined) {
      note(picture, `Picture not in this notebook (${decoded(source).slice(0, MAX_SHOWN)})`);
      continue;
    }
    leases.push(lease);
    lease.value.then(
      (url) => {
        picture.src = url;
      },
      () => note(picture, "Picture that could not be fetched"),
    );
  }
  return () => {
    for (const lease of leases) lease.release();
  };
}
