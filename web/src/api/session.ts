// Who is signed in, and what the server tells the page about itself.
import { signal } from "@preact/signals";
import { call, whenRefused } from "./http";
import { flag, record, text } from "./shape";

export interface Config {
  outputOrigin: string | undefined;
  version: string;
  devIdentity: boolean;
  /** Where people sign in by an identity provider, if this server knows one. */
  providerSignIn: string | undefined;
}

/** What the server told about itself when the page was opened. */
export const config = signal<Config | undefined>(undefined);

/** The address that signs in by the provider and comes back to what is shown now. */
export function providerAddress(): string | undefined {
  const at = config.value?.providerSignIn;
  if (at === undefined) return undefined;
  return `${at}?${new URLSearchParams({ next: `${location.pathname}${location.search}` })}`;
}

/** `ended`: this page was signed in, and the session has run out or was closed meanwhile. */
export type SignedIn = "yes" | "no" | "ended";

export const signedIn = signal<SignedIn>("no");

export async function fetchConfig(): Promise<Config> {
  const shape = await call("GET", "/api/config");
  config.value = {
    outputOrigin: text(shape, "output_origin"),
    version: text(shape, "version") ?? "",
    devIdentity: flag(shape, "dev_identity"),
    providerSignIn: text(shape, "provider_sign_in"),
  };
  return config.value;
}

/** Asks the server; an answer that says nothing (server away) changes nothing. */
export async function readSession(): Promise<void> {
  const shape = await call("GET", "/api/auth/session");
  if (record(shape.session) !== undefined) signedIn.value = "yes";
  else if (signedIn.peek() === "yes") signedIn.value = "ended";
}

let checking: Promise<void> | undefined;

/** Looks whether the session still lives, after something was refused; never fails. */
export function checkSession(): Promise<void> {
  checking ??= readSession()
    .catch(() => undefined)
    .finally(() => {
      checking = undefined;
    });
  return checking;
}

whenRefused(() => {
  if (signedIn.peek() === "yes") checkSession();
});

export async function signOut(): Promise<void> {
  await call("DELETE", "/api/auth/session");
}
