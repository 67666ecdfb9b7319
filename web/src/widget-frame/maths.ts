// Formulas in labels and texts of widgets, set by KaTeX when there are any.

export function typeset(element: HTMLElement): void {
  if (!/\$|\\\(|\\\[/.test(element.textContent ?? "")) return;
  import("../outputs/set-maths").then(
    ({ setMathsIn }) => setMathsIn(element),
    (error: unknown) => console.error(error),
  );
}
