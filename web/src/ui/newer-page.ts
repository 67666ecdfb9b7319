// After an upgrade of the server the parts of an open page that were not loaded yet are gone: say so, and offer the new one.
import { toastError, toastLasting } from "./toasts";

const ENTRY = /<script\b[^>]*\btype="module"[^>]*\bsrc="([^"]+)"/;

/** Whether the server's page begins with another script than this one did. */
export function isOther(html: string, own: string): boolean {
  const theirs = ENTRY.exec(html)?.[1];
  return theirs !== undefined && theirs !== own;
}

/** A part may also be missing because the server cannot be reached just now; then nothing is said here. */
async function isNewer(): Promise<boolean> {
  const own = document.querySelector('script[type="module"][src]')?.getAttribute("src");
  if (!own) return false;
  try {
    const response = await fetch("/", { cache: "no-store", credentials: "same-origin" });
    return response.ok && isOther(await response.text(), own);
  } catch {
    return false;
  }
}

/** Says that a part did not come, where no newer page is offered instead. */
export async function sayNotLoaded(what: string): Promise<void> {
  if (!(await isNewer())) toastError(what, new Error("The server cannot be reached."));
}

export function watchForNewerPage(): void {
  addEventListener("vite:preloadError", async () => {
    if (await isNewer()) {
      toastLasting("The server has a newer page; this one lacks parts by now.", {
        label: "Reload",
        run: () => location.reload(),
      });
    }
  });
}
