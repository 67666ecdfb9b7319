// What surrounds every page: the bar at the top, messages, dialogs.
import type { ComponentChildren } from "preact";
import { signOut } from "../api/session";
import { Confirmation } from "./dialog";
import { IconBook, IconMachine, IconMoon, IconSun } from "./icons";
import { onLinkClick, route } from "./router";
import { isDark, toggleTheme } from "./theme";
import { Toasts, toastError } from "./toasts";

async function leave(): Promise<void> {
  try {
    await signOut();
    location.assign("/");
  } catch (error) {
    toastError("Signing out failed.", error);
  }
}

function Brand() {
  return (
    <a class="brand" href="/" onClick={onLinkClick} aria-label="Notebook Cloud, list of notebooks">
      <svg class="brand-mark" viewBox="0 0 32 32" width="24" height="24" aria-hidden="true">
        <rect width="32" height="32" rx="8" />
        <path d="M10 22V10l12 12V10" />
      </svg>
      <span class="brand-name">Notebook Cloud</span>
    </a>
  );
}

function ThemeButton() {
  return (
    <button
      type="button"
      class="icon-button"
      data-testid="theme-toggle"
      aria-label={isDark.value ? "Use light colours" : "Use dark colours"}
      onClick={toggleTheme}
    >
      {isDark.value ? <IconSun /> : <IconMoon />}
    </button>
  );
}

export function Shell({ signedIn, children }: { signedIn: boolean; children: ComponentChildren }) {
  const page = route.value.page;
  return (
    <>
      <a class="skip-link" href="#main">
        Skip to content
      </a>
      <header class="topbar">
        <Brand />
        {signedIn && (
          <nav class="topbar-nav" aria-label="Pages">
            <a
              href="/"
              onClick={onLinkClick}
              aria-current={page === "list" ? "page" : undefined}
              data-testid="nav-notebooks"
            >
              <IconBook />
              Notebooks
            </a>
            <a
              href="/workstations"
              onClick={onLinkClick}
              aria-current={page === "workstations" ? "page" : undefined}
              data-testid="nav-workstations"
            >
              <IconMachine />
              Workstations
            </a>
          </nav>
        )}
        <div class="topbar-end">
          <ThemeButton />
          {signedIn && (
            <button type="button" class="button button-quiet" data-testid="sign-out" onClick={leave}>
              Sign out
            </button>
          )}
        </div>
      </header>
      {children}
      <Toasts />
      <Confirmation />
    </>
  );
}
