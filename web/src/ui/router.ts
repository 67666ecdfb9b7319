// Which page is shown: five paths, no library.
import { computed, signal } from "@preact/signals";

export type Route =
  | { page: "list" }
  | { page: "notebook"; id: string }
  | { page: "revision"; id: string; revision: string }
  | { page: "workstations" }
  | { page: "account" }
  | { page: "missing" };

const path = signal(location.pathname);
addEventListener("popstate", () => {
  path.value = location.pathname;
});

export function readRoute(pathname: string): Route {
  const parts = pathname.split("/").filter(Boolean);
  const [first, second] = parts;
  if (first === undefined || (first === "n" && second === undefined) || first === "index.html")
    return { page: "list" };
  if ((first === "workstations" || first === "account") && parts.length === 1) return { page: first };
  if (first === "n" && second !== undefined) {
    try {
      const id = decodeURIComponent(second);
      const [, , third, revision] = parts;
      if (third === "r" && revision !== undefined) {
        return { page: "revision", id, revision: decodeURIComponent(revision) };
      }
      return { page: "notebook", id };
    } catch {
      return { page: "missing" };
    }
  }
  return { page: "missing" };
}

export const route = computed(() => readRoute(path.value));

export function notebookPath(id: string): string {
  return `/n/${encodeURIComponent(id)}`;
}

export function revisionPath(id: string, revision: string): string {
  return `${notebookPath(id)}/r/${encodeURIComponent(revision)}`;
}

export function navigate(to: string): void {
  history.pushState(null, "", to);
  path.value = location.pathname;
  scrollTo(0, 0);
}

/** Plain clicks on our own links stay in the page; everything else is the browser's. */
export function onLinkClick(event: MouseEvent): void {
  const target = event.currentTarget;
  if (!(target instanceof HTMLAnchorElement)) return;
  if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  navigate(target.pathname);
}
