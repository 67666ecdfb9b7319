// Writing into one document what was changed in another: a room that starts over (decision D11) makes documents whose
// history knows nothing of the old one's, so what the room had not taken by then is written again, by what it says.
import type { Automerge } from "./automerge";
import { mapOf } from "./shapes";
import { stored } from "./values";

type Fields = Record<string, unknown>;
type Path = readonly (string | number)[];

/**
 * Writes into a changeable document what became of `base` in `mine`. What is the same in both stays as the document
 * has it; text that both sides changed is merged; what the document does not hold any more is left out of it.
 */
export function rebase(api: Automerge, target: object, base: object, mine: object): void {
  new Rebase(api, target).map([], target as Fields, base as Fields, mine as Fields);
}

class Rebase {
  private readonly api: Automerge;
  private readonly root: object;

  constructor(api: Automerge, root: object) {
    this.api = api;
    this.root = root;
  }

  map(path: Path, target: Fields, base: Fields, mine: Fields): void {
    for (const key of new Set([...Object.keys(base), ...Object.keys(mine)])) {
      if (!isSame(base[key], mine[key])) this.field([...path, key], target, base[key], mine[key]);
    }
  }

  private field(path: Path, target: Fields, was: unknown, is: unknown): void {
    const key = path[path.length - 1] as string;
    const there = target[key];
    if (is === undefined) {
      if (there !== undefined) delete target[key];
    } else if (mapOf(is) !== undefined && (mapOf(was) !== undefined || mapOf(there) !== undefined)) {
      // A map that was there before and is gone was removed by somebody else, with all that is in it.
      if (mapOf(there) !== undefined) this.map(path, there as Fields, (was ?? {}) as Fields, is as Fields);
    } else if (typeof is === "string" && typeof there === "string") {
      const merged = this.mergeText(typeof was === "string" ? was : there, is, there);
      if (merged !== there) this.api.updateText(this.root, [...path], merged);
    } else target[key] = stored(this.api, is);
  }

  private mergeText(base: string, mine: string, theirs: string): string {
    if (mine === theirs || base === theirs) return mine;
    const common = this.api.from({ text: base });
    const [one, other] = [mine, theirs].map((text) =>
      this.api.change(this.api.clone(common), (doc) => this.api.updateText(doc, ["text"], text)),
    ) as [typeof common, typeof common];
    return this.api.merge(one, other).text;
  }
}

/** Whether two values of documents say the same; a Text and a scalar string of the same letters do not. */
function isSame(one: unknown, other: unknown): boolean {
  if (Object.is(one, other)) return true;
  if (typeof one !== "object" || typeof other !== "object" || one === null || other === null) return false;
  const keys = Object.keys(one);
  return (
    Array.isArray(one) === Array.isArray(other) &&
    keys.length === Object.keys(other).length &&
    (!(one instanceof Date) || (other instanceof Date && one.getTime() === other.getTime())) &&
    keys.every((key) => isSame((one as Fields)[key], (other as Fields)[key]))
  );
}
