// The list of keys.
import "./shortcuts.css";
import { Dialog } from "../ui/dialog";
import { SHORTCUTS } from "./commands";

const NAMES: Readonly<Record<string, string>> = {
  ctrl: /Mac/.test(globalThis.navigator?.platform ?? "") ? "⌘" : "Ctrl",
  alt: "Alt",
  shift: "Shift",
  ArrowUp: "↑",
  ArrowDown: "↓",
  Escape: "Esc",
};

/** The keys of a combination as they are written on a keyboard; a minus or plus at the end is a key itself. */
export function keysOf(combination: string): string[] {
  return combination
    .split(/\+(?!$)/)
    .map((key) => NAMES[key] ?? (key.length === 1 ? key.toUpperCase() : key));
}

function Keys({ combination }: { combination: string }) {
  return (
    <span class="keys">
      {keysOf(combination).map((key) => (
        <kbd key={key}>{key}</kbd>
      ))}
    </span>
  );
}

export function Shortcuts({ onClose }: { onClose(): void }) {
  return (
    <Dialog title="Keyboard shortcuts" testId="shortcuts-dialog" onClose={onClose}>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: the keyboard scrolls it. */}
      <section class="shortcuts" aria-label="All shortcuts" tabIndex={0}>
        {SHORTCUTS.map(({ title, shortcuts }) => (
          <section key={title} class="shortcut-group">
            <h3>{title}</h3>
            <dl>
              {shortcuts.map(({ keys, twice, what }) => (
                <div key={what} class="shortcut">
                  <dt>
                    {keys.map((combination, index) => (
                      <span key={combination}>
                        {index > 0 && " or "}
                        <Keys combination={combination} />
                        {twice && (
                          <>
                            {" "}
                            <Keys combination={combination} />
                          </>
                        )}
                      </span>
                    ))}
                  </dt>
                  <dd>{what}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </section>
      <div class="dialog-actions">
        <button type="button" class="button" data-testid="shortcuts-close" onClick={onClose}>
          Close
        </button>
      </div>
    </Dialog>
  );
}
