// A button that opens a small panel below it; Escape and a click elsewhere close it, the arrow keys move in it.
import type { ComponentChildren } from "preact";
import { useId, useLayoutEffect, useRef, useState } from "preact/hooks";

interface MenuProps {
  label: ComponentChildren;
  name: string;
  testId: string;
  buttonClass: string;
  children(close: () => void): ComponentChildren;
}

/** The items of an open panel that can be chosen. */
function itemsOf(root: HTMLElement): HTMLElement[] {
  return [...root.querySelectorAll<HTMLElement>(".menu-item:not(:disabled)")];
}

/** The next item down or up, round at both ends; from the button to the first or last. */
function step(root: HTMLElement, key: string): void {
  const items = itemsOf(root);
  const at = items.indexOf(document.activeElement as HTMLElement);
  const to = key === "ArrowDown" ? at + 1 : at < 0 ? items.length - 1 : at - 1 + items.length;
  items[to % items.length]?.focus();
}

interface MenuItemProps {
  testId: string;
  danger?: boolean;
  run(): void;
  children: ComponentChildren;
}

/** Makes items that close their menu before they run. */
export function closing(close: () => void) {
  return (testId: string, run: () => void) => ({
    testId,
    run: () => {
      close();
      run();
    },
  });
}

export function MenuItem({ testId, danger = false, run, children }: MenuItemProps) {
  return (
    <button
      type="button"
      class={danger ? "menu-item menu-item-danger" : "menu-item"}
      data-testid={testId}
      onClick={run}
    >
      {children}
    </button>
  );
}

export function Menu({ label, name, testId, buttonClass, children }: MenuProps) {
  const [open, setOpen] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const id = useId();
  // Before the panel is seen: a key that is pressed at once must not find nobody listening.
  useLayoutEffect(() => {
    if (!open) return;
    const outside = (event: Event) => {
      if (event.target instanceof Node && !root.current?.contains(event.target)) setOpen(false);
    };
    const element = root.current;
    const onKey = (event: KeyboardEvent) => {
      if ((event.key === "ArrowDown" || event.key === "ArrowUp") && element !== null) {
        event.preventDefault();
        event.stopPropagation();
        step(element, event.key);
      }
      if (event.key !== "Escape") return;
      event.stopPropagation();
      setOpen(false);
      button.current?.focus();
    };
    addEventListener("pointerdown", outside);
    element?.addEventListener("keydown", onKey);
    return () => {
      removeEventListener("pointerdown", outside);
      element?.removeEventListener("keydown", onKey);
    };
  }, [open]);
  const close = () => {
    setOpen(false);
    button.current?.focus();
  };
  return (
    <div class="menu" ref={root}>
      <button
        ref={button}
        type="button"
        class={buttonClass}
        aria-expanded={open}
        aria-controls={id}
        aria-label={name}
        data-testid={testId}
        onClick={() => setOpen(!open)}
      >
        {label}
      </button>
      {open && (
        <div class="menu-panel" id={id} data-testid={`${testId}-panel`}>
          {children(close)}
        </div>
      )}
    </div>
  );
}
