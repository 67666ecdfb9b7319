// The bar to find and replace in the sources of the cells; loaded when it is first opened.
import "./find-bar.css";
import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { messageOf } from "../api/http";
import { IconClose, IconDown, IconUp } from "../ui/icons";
import type { Actions } from "./actions";
import type { CellView } from "./cells";
import { findIn, type Match, type Query, replacedBy, replacing } from "./find";

function useMatches(cells: readonly CellView[], query: Query): { matches: readonly Match[]; why?: string } {
  const { text, matchCase, isPattern } = query;
  return useMemo(() => {
    try {
      return { matches: findIn(cells, { text, matchCase, isPattern }) };
    } catch (error) {
      return { matches: [], why: messageOf(error) };
    }
  }, [cells, text, matchCase, isPattern]);
}

interface ToggleProps {
  label: string;
  name: string;
  testId: string;
  on: boolean;
  set(on: boolean): void;
}

function Toggle({ label, name, testId, on, set }: ToggleProps) {
  return (
    <button
      type="button"
      class="icon-button find-toggle"
      aria-label={name}
      title={name}
      aria-pressed={on}
      data-testid={testId}
      onClick={() => set(!on)}
    >
      {label}
    </button>
  );
}

export function FindBar({ actions, close }: { actions: Actions; close(): void }) {
  const { store, selection } = actions;
  const input = useRef<HTMLInputElement>(null);
  const [query, setQuery] = useState<Query>(() => ({
    text: actions.takeTypedAhead(),
    matchCase: false,
    isPattern: false,
  }));
  const [text, setText] = useState("");
  const [at, setAt] = useState(-1);
  const { matches, why } = useMatches(store.cells.value, query);
  // Before the next key.
  useLayoutEffect(() => input.current?.focus(), []);
  const show = (index: number, from: readonly Match[] = matches) => {
    const match = from[(index + from.length) % from.length];
    if (match === undefined) return setAt(-1);
    setAt((index + from.length) % from.length);
    selection.reveal(match.cellId, match.from, match.to);
  };
  /** To the match a step on, or the first one from the selected cell on. */
  const go = (step: 1 | -1) => {
    const here = selection.cellId.value;
    if (matches[at]?.cellId === here) return show(at + step);
    const cells = store.cells.value;
    const before = new Set(
      cells
        .slice(
          0,
          cells.findIndex(({ id }) => id === here),
        )
        .map(({ id }) => id),
    );
    const next = matches.findIndex(({ cellId }) => !before.has(cellId));
    show(Math.max(0, next) + (step < 0 ? -1 : 0));
  };
  const replace = () => {
    const match = matches[at];
    if (match === undefined) return go(1);
    actions.cells.act(replacing(store.editor, [match], text, query.isPattern));
    const left = findIn(store.cells.value, query);
    const end = match.from + replacedBy(match, text, query.isPattern).length;
    const next = left.findIndex(
      ({ cellId, from }, index) => index >= at && (cellId !== match.cellId || from >= end),
    );
    show(Math.max(0, next), left);
  };
  const replaceAll = () => {
    if (matches.length === 0) return;
    const step = replacing(store.editor, matches, text, query.isPattern);
    actions.cells.actOffering(step, () => {
      const places = step.places();
      return places === 1 ? "One place replaced" : `${places || "No"} places replaced`;
    });
    setAt(-1);
  };
  const told =
    why ?? (query.text === "" ? "" : `${Math.min(at, matches.length - 1) + 1} of ${matches.length}`);
  return (
    // biome-ignore lint/a11y/useSemanticElements: the element is new to browsers.
    <div
      class="find-bar"
      role="search"
      aria-label="Find in the notebook"
      data-testid="find-bar"
      onKeyDown={(event) => {
        if (event.key === "Escape") close();
        // In a field it takes back what was typed there.
        const isUndo = event.key === "z" && (event.ctrlKey || event.metaKey);
        if (!isUndo || event.target instanceof HTMLInputElement) return;
        event.preventDefault();
        actions.cells.undo();
      }}
    >
      <div class="find-row">
        <input
          ref={input}
          class="text-input"
          aria-label="Find"
          placeholder="Find"
          spellcheck={false}
          data-testid="find-text"
          value={query.text}
          onInput={({ currentTarget: { value } }) => {
            setQuery({ ...query, text: value });
            setAt(-1);
          }}
          onKeyDown={(event) => {
            if (event.key === "Enter") go(event.shiftKey ? -1 : 1);
          }}
        />
        <Toggle
          label="Aa"
          name="Match capitals"
          testId="find-case"
          on={query.matchCase}
          set={(matchCase) => setQuery({ ...query, matchCase })}
        />
        <Toggle
          label=".*"
          name="Regular expression"
          testId="find-pattern"
          on={query.isPattern}
          set={(isPattern) => setQuery({ ...query, isPattern })}
        />
        <button
          type="button"
          class="icon-button"
          aria-label="Previous match"
          data-testid="find-previous"
          onClick={() => go(-1)}
        >
          <IconUp />
        </button>
        <button
          type="button"
          class="icon-button"
          aria-label="Next match"
          data-testid="find-next"
          onClick={() => go(1)}
        >
          <IconDown />
        </button>
        <span class="find-count" role="status" data-testid="find-count">
          {told}
        </span>
        <button
          type="button"
          class="icon-button"
          aria-label="Close the search"
          data-testid="find-close"
          onClick={close}
        >
          <IconClose />
        </button>
      </div>
      {store.canEdit.value && (
        <div class="find-row">
          <input
            class="text-input"
            aria-label="Replace with"
            placeholder="Replace with"
            spellcheck={false}
            data-testid="replace-text"
            value={text}
            onInput={({ currentTarget: { value } }) => setText(value)}
            onKeyDown={(event) => {
              if (event.key === "Enter") replace();
            }}
          />
          <button
            type="button"
            class="button"
            data-testid="replace"
            aria-disabled={matches.length === 0}
            onClick={replace}
          >
            Replace
          </button>
          <button
            type="button"
            class="button"
            data-testid="replace-all"
            aria-disabled={matches.length === 0}
            onClick={replaceAll}
          >
            Replace all
          </button>
        </div>
      )}
    </div>
  );
}
