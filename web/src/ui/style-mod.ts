// CodeMirror's style modules, mounted as adopted style sheets: the content policy allows no inline styles.
import { StyleModule as Original } from "style-mod-original";

const mounted = new Map<Document | ShadowRoot, { sheet: CSSStyleSheet; modules: Original[] }>();

export class StyleModule extends Original {
  static override mount(root: Document | ShadowRoot, given: Original | readonly Original[]): void {
    if (!("adoptedStyleSheets" in root)) return;
    const modules = given instanceof Original ? [given] : given;
    let set = mounted.get(root);
    if (set === undefined) {
      set = { sheet: new CSSStyleSheet(), modules: [] };
      mounted.set(root, set);
      root.adoptedStyleSheets = [set.sheet, ...root.adoptedStyleSheets];
    }
    const known = set.modules;
    if (modules.every((module) => known.includes(module))) return;
    set.modules = [...modules, ...known.filter((module) => !modules.includes(module))];
    set.sheet.replaceSync(set.modules.map((module) => module.getRules()).join("\n"));
  }
}
