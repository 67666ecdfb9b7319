// Links in Markdown: into a window of their own, or to a place in the same notebook.

/** Names headings as Jupyter does, by their words with hyphens for spaces. */
function nameHeadings(root: HTMLElement): void {
  for (const heading of root.querySelectorAll<HTMLElement>("h1, h2, h3, h4, h5, h6")) {
    heading.dataset.section ??= (heading.textContent ?? "").trim().replace(/ /g, "-");
  }
}

function decoded(fragment: string): string {
  try {
    return decodeURIComponent(fragment);
  } catch {
    return fragment;
  }
}

function goTo(fragment: string): void {
  const name = decoded(fragment);
  const all = [...document.querySelectorAll<HTMLElement>("[data-section]")];
  const target = all.find((one) => one.dataset.section === name);
  if (target === undefined) return;
  target.scrollIntoView();
  // The keyboard goes on from there.
  target.closest<HTMLElement>('[data-testid="cell"]')?.focus({ preventScroll: true });
}

export function setLinks(root: HTMLElement): void {
  nameHeadings(root);
  for (const link of root.querySelectorAll("a[href]")) {
    const href = link.getAttribute("href") ?? "";
    if (href.startsWith("#")) {
      link.addEventListener("click", (event) => {
        event.preventDefault();
        goTo(href.slice(1));
      });
      continue;
    }
    link.setAttribute("target", "_blank");
    link.setAttribute("rel", "noopener noreferrer");
  }
}
