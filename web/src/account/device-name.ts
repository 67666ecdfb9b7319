// What a browser calls itself, in two words.

const BROWSERS: readonly [RegExp, string][] = [
  [/\bEdg(A|iOS)?\//, "Edge"],
  [/\bOPR\//, "Opera"],
  [/\bFirefox\/|\bFxiOS\//, "Firefox"],
  [/\bHeadlessChrome\//, "Chrome (headless)"],
  [/\bChrome\/|\bCriOS\//, "Chrome"],
  [/\bSafari\//, "Safari"],
];
const SYSTEMS: readonly [RegExp, string][] = [
  [/\biPhone\b/, "iPhone"],
  [/\biPad\b/, "iPad"],
  [/\bAndroid\b/, "Android"],
  [/\bCrOS\b/, "ChromeOS"],
  [/\bWindows\b/, "Windows"],
  [/\bMac OS X\b|\bMacintosh\b/, "macOS"],
  [/\bLinux\b/, "Linux"],
];

/** `Firefox on Linux`; what is no browser keeps its own words. */
export function deviceName(label: string | undefined): string {
  if (label === undefined || label.trim() === "") return "Unknown browser";
  const browser = BROWSERS.find(([pattern]) => pattern.test(label))?.[1];
  if (browser === undefined) return label.length > 60 ? `${label.slice(0, 60)}…` : label;
  const system = SYSTEMS.find(([pattern]) => pattern.test(label))?.[1];
  return system === undefined ? browser : `${browser} on ${system}`;
}
