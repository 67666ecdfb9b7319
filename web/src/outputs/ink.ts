// Ink that can be read on a ground which does not follow the theme, such as a table's coloured cell.

const DARK = "rgb(28, 32, 36)";
const LIGHT = "rgb(244, 245, 246)";
/** Luminance at which both are read equally well. */
const MIDDLE = 0.19;
/** So many elements are looked at. */
const MAX_LOOKED_AT = 20_000;

/** Relative luminance (WCAG) of red, green and blue. */
export function luminance(channels: readonly number[]): number {
  const [red = 0, green = 0, blue = 0] = channels.map((channel) => {
    const part = channel / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** The ink for a ground, as the browser computes its colour; nothing for what can be seen through. */
export function inkOn(ground: string): string | undefined {
  const [red, green, blue, alpha = 1] = (/^rgba?\(([^)]*)\)$/.exec(ground)?.[1] ?? "")
    .split(/[\s,/]+/)
    .map(Number);
  if (red === undefined || green === undefined || blue === undefined || !(alpha > 0.5)) return undefined;
  return luminance([red, green, blue]) > MIDDLE ? DARK : LIGHT;
}

/** Sets it where the ground is its author's and the ink is not; `own` are grounds that follow the theme. */
export function setInk(root: Element, own: readonly string[] = []): void {
  const { color: usual } = getComputedStyle(document.body);
  const found: [HTMLElement, string][] = [];
  for (const element of [...root.querySelectorAll<HTMLElement>("*")].slice(0, MAX_LOOKED_AT)) {
    if (!(element instanceof HTMLElement)) continue;
    const { backgroundColor, color } = getComputedStyle(element);
    const ink = color === usual && !own.includes(backgroundColor) ? inkOn(backgroundColor) : undefined;
    if (ink !== undefined) found.push([element, ink]);
  }
  for (const [element, ink] of found) element.style.color = ink;
}
