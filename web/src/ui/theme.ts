// Light, dark, or what the system says; remembered in this browser.
import { effect, signal } from "@preact/signals";

export type Theme = "system" | "light" | "dark";

const KEY = "theme";
const media = matchMedia("(prefers-color-scheme: dark)");

function stored(): Theme {
  try {
    const value = localStorage.getItem(KEY);
    return value === "light" || value === "dark" ? value : "system";
  } catch {
    return "system";
  }
}

export const theme = signal<Theme>(stored());
export const isDark = signal(media.matches);

export function startTheme(): void {
  const apply = () => {
    isDark.value = theme.value === "system" ? media.matches : theme.value === "dark";
    document.documentElement.dataset.theme = isDark.value ? "dark" : "light";
  };
  media.addEventListener("change", apply);
  effect(apply);
}

export function toggleTheme(): void {
  theme.value = isDark.value ? "light" : "dark";
  try {
    localStorage.setItem(KEY, theme.value);
  } catch {
    // A browser without storage forgets the choice; nothing else depends on it.
  }
}
