// What somebody chose about the look of the page, yes or no; remembered in this browser.
import { type ReadonlySignal, signal } from "@preact/signals";

function stored(key: string): boolean {
  try {
    return localStorage.getItem(key) === "yes";
  } catch {
    return false;
  }
}

export class Choice {
  readonly on: ReadonlySignal<boolean>;
  private readonly key: string;
  private readonly chosen;

  constructor(key: string) {
    this.key = key;
    this.chosen = signal(stored(key));
    this.on = this.chosen;
  }

  readonly toggle = (): void => {
    this.chosen.value = !this.chosen.value;
    try {
      if (this.chosen.value) localStorage.setItem(this.key, "yes");
      else localStorage.removeItem(this.key);
    } catch {
      // A browser without storage forgets the choice; nothing else depends on it.
    }
  };
}
