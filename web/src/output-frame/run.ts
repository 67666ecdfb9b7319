// Runs a script output as Jupyter does: `element` is the place of the output.

/** Why it failed, if it did at once. */
export function runIn(element: HTMLElement, source: string): string | undefined {
  try {
    new Function("element", source)(element);
    return undefined;
  } catch (error) {
    return `The script of this output failed: ${error}`;
  }
}
