// What surrounds every page: the bar at the top, messages, dialogs.
import type { ComponentChildren } from "preact";
import { providerAddress, signOut } from "../api/session";
import { Confirmation, PageToasts } from "./dialog";
import { IconBook, IconLeave, IconMachine, IconMoon, IconPerson, IconSun } from "./icons";
import { Menu, MenuItem } from "./menu";
import { navigate, onLinkClick, route } from "./router";
import { isDark, toggleTheme } from "./theme";
import { toastError } from "./toasts";

export async function leave(): Promise<void> {
  try {
    await signOut();
    location.assign("/");
  } catch (error) {
    toastError("Signing out failed.", error);
  }
}

function AccountMenu() {
  return (
    <Menu label={<IconPerson />} name="Account" testId="account-menu" buttonClass="icon-button">
      {(close) => (
        <>
          <MenuItem
            testId="nav-account"
            run={() => {
              close();
              navigate("/account");
            }}
          >
            <IconPerson />
            Account and activity
          </MenuItem>
          <MenuItem testId="sign-out" run={leave}>
            <IconLeave />
            Sign out
          </MenuItem>
        </>
      )}
    </Menu>
  );
}

/** The way in from a notebook that everybody may look at. */
function SignInLink() {
  return (
    <a class="button" href={providerAddress() ?? "/"} data-testid="sign-in">
      Sign in
    </a>
  );
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

interface ShellProps {
  /** Undefined as long as nobody knows. */
  signedIn: boolean | undefined;
  children: ComponentChildren;
}

export function Shell({ signedIn, children }: ShellProps) {
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
          {signedIn === true && <AccountMenu />}
          {signedIn === false && (page === "notebook" || page === "revision") && <SignInLink />}
        </div>
      </header>
      {children}
      <PageToasts />
      <Confirmation />
    </>
  );
}
