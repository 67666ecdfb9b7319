// Lists of tasks in Markdown: `[ ]` and `[x]` before an item's words are boxes.

const BOX = /^\[([ xX])\]\s+/;

export function setTasks(root: HTMLElement): void {
  for (const item of root.querySelectorAll("li")) {
    const first = item.firstElementChild;
    // Items with an empty line between them hold paragraphs.
    const words = (first instanceof HTMLParagraphElement ? first : item).firstChild;
    const found = words instanceof Text ? BOX.exec(words.data) : null;
    if (!(words instanceof Text) || found === null) continue;
    const box = document.createElement("input");
    box.type = "checkbox";
    box.disabled = true;
    box.checked = found[1] !== " ";
    box.setAttribute("aria-label", box.checked ? "Done" : "To do");
    words.data = words.data.slice(found[0].length);
    words.before(box);
    (box.parentElement ?? item).classList.add("is-task");
    item.classList.add("is-task");
  }
}
