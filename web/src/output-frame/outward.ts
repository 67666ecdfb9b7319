// What leads out of a frame: links, files to save, code from elsewhere that the frame may not load, how its scripts
// failed, and the keyboard. The sandbox opens and saves nothing, so the page is told, and decides.

type Tell = (message: Record<string, unknown>) => void;

const XLINK = "http://www.w3.org/1999/xlink";
/** Blobs that are offered as files are told by their bytes: nobody outside can read this document's addresses. */
const MAX_BLOBS = 64;

function linkOf(event: Event): Element | undefined {
  return event
    .composedPath()
    .find(
      (node): node is Element =>
        node instanceof Element &&
        /^(a|area)$/i.test(node.tagName) &&
        (node.hasAttribute("href") || node.hasAttributeNS(XLINK, "href")),
    );
}

function hrefOf(link: Element): string {
  return (link.getAttribute("href") ?? link.getAttributeNS(XLINK, "href") ?? "").trim();
}

/** The element that a `#fragment` names. */
function targetOf(fragment: string): Element | undefined {
  let id = fragment;
  try {
    id = decodeURIComponent(fragment);
  } catch {
    // As it stands, then.
  }
  return document.getElementById(id) ?? document.getElementsByName(id)[0];
}

function follow(link: Element, blobs: ReadonlyMap<string, Blob>, tell: Tell): void {
  const href = hrefOf(link);
  if (href.startsWith("#")) {
    const target = targetOf(href.slice(1));
    const top = target?.getBoundingClientRect().top ?? (href === "#" ? 0 : undefined);
    target?.scrollIntoView();
    if (top !== undefined) tell({ type: "frame-scroll", top });
    return;
  }
  if (/^(https?|mailto):/i.test(href)) {
    tell({ type: "frame-link", href });
    return;
  }
  const name = link.getAttribute("download") ?? "";
  if (/^data:/i.test(href)) tell({ type: "frame-file", name, href });
  const blob = blobs.get(href);
  if (blob !== undefined) tell({ type: "frame-file", name, blob });
}

function watchLinks(tell: Tell): void {
  const blobs = new Map<string, Blob>();
  const { createObjectURL, revokeObjectURL } = URL;
  URL.createObjectURL = (made: Blob | MediaSource) => {
    const url = createObjectURL.call(URL, made);
    const oldest = blobs.keys().next().value;
    if (blobs.size >= MAX_BLOBS && oldest !== undefined) blobs.delete(oldest);
    if (made instanceof Blob) blobs.set(url, made);
    return url;
  };
  URL.revokeObjectURL = (url: string) => {
    // Whoever saves a file may give its address back before the click is dealt with.
    setTimeout(() => blobs.delete(url), 1_000);
    revokeObjectURL.call(URL, url);
  };
  const clicked = (event: Event) => {
    const link = linkOf(event);
    if (link === undefined || event.defaultPrevented) return;
    // Nothing that a link says may replace this document.
    event.preventDefault();
    follow(link, blobs, tell);
  };
  addEventListener("click", clicked);
  addEventListener("auxclick", (event) => event.button === 1 && clicked(event));
  // Scripts save a file by a link that stands nowhere, whose click nobody else hears of.
  const { click } = HTMLAnchorElement.prototype;
  HTMLAnchorElement.prototype.click = function (this: HTMLAnchorElement) {
    if (this.isConnected) click.call(this);
    else if (this.hasAttribute("href")) follow(this, blobs, tell);
  };
}

function kindOf(directive: string): string {
  const kind = /^(script|img|frame)/.exec(directive)?.[0];
  return kind === "script" ? "code" : kind === "img" ? "picture" : kind === "frame" ? "page" : "other";
}

/** Tells what the content wanted from elsewhere and did not get. */
function watchBlocked(tell: Tell): void {
  addEventListener("securitypolicyviolation", ({ blockedURI, effectiveDirective }) => {
    if (/^https?:/i.test(blockedURI)) {
      tell({ type: "frame-blocked", what: kindOf(effectiveDirective), uri: blockedURI });
    }
  });
}

/** Tells how scripts of the content failed where nobody caught it. */
function watchFailed(tell: Tell): void {
  addEventListener("error", ({ message }) => {
    // Said by browsers of observers that go on a frame later; nothing has failed.
    if (!/^ResizeObserver loop/.test(message)) tell({ type: "frame-failed", why: message });
  });
  addEventListener("unhandledrejection", ({ reason }) =>
    tell({ type: "frame-failed", why: String(reason ?? "a promise was broken") }),
  );
}

const SCRIPT_FROM = /<script\b[^>]*?\bsrc\s*=\s*["']?(https?:[^"'\s>]+)/gi;

/** Documents within the output have the same policy, but their complaints are not heard here: maps come like that. */
export function tellNested(root: HTMLElement, tell: Tell): void {
  for (const { srcdoc } of root.querySelectorAll("iframe")) {
    for (const [, uri] of srcdoc.matchAll(SCRIPT_FROM)) tell({ type: "frame-blocked", what: "code", uri });
  }
}

const WRITTEN_IN =
  "input:not([type=checkbox], [type=radio], [type=range], [type=button]), textarea, select, [contenteditable]";

/**
 * Tells that a person pressed something here, and when the keyboard is wanted here no more: by an Escape that nothing
 * used, or at once where keys mean nothing to what was clicked.
 */
function watchKeyboard(tell: Tell, meansNothing: () => boolean): void {
  addEventListener("pointerup", () => tell({ type: "frame-pressed" }), true);
  addEventListener("click", ({ defaultPrevented }) => {
    // Selected text is there to be copied.
    const isUsed = document.activeElement !== document.body || getSelection()?.isCollapsed === false;
    if (!defaultPrevented && !isUsed && meansNothing()) tell({ type: "frame-left" });
  });
  addEventListener("keydown", (event) => {
    const [target] = event.composedPath();
    const isUsed =
      event.defaultPrevented || (target instanceof Element && target.closest(WRITTEN_IN) !== null);
    if (event.key === "Escape" && !isUsed) tell({ type: "frame-left" });
  });
}

/** `meansNothing` says whether keys mean nothing to what is shown, but for what has the focus. */
export function watchOutward(tell: Tell, meansNothing = () => false): void {
  watchKeyboard(tell, meansNothing);
  watchLinks(tell);
  watchBlocked(tell);
  watchFailed(tell);
}
