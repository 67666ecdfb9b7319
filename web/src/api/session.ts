// Who is signed in, and what the server tells the page about itself.
import { call } from "./http";
import { flag, record, text } from "./shape";

export interface Config {
  outputOrigin: string | undefined;
  version: string;
  devIdentity: boolean;
}

export async function fetchConfig(): Promise<Config> {
  const shape = await call("GET", "/api/config");
  return {
    outputOrigin: text(shape, "output_origin"),
    version: text(shape, "version") ?? "",
    devIdentity: flag(shape, "dev_identity"),
  };
}

export async function isSignedIn(): Promise<boolean> {
  const shape = await call("GET", "/api/auth/session");
  return record(shape.session) !== undefined;
}

export async function signOut(): Promise<void> {
  await call("DELETE", "/api/auth/session");
}
