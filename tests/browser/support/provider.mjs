// The identity provider of the tests (tests/identity-provider), and people who sign in by it.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

const folder = process.env.TEST_IDENTITY_PROVIDER;

/** Why tests with several people cannot run, if they cannot. */
export const skip = folder === undefined ? "no identity provider is installed; `cargo xtask test` installs one" : false;

export class Provider {
  static async start() {
    const provider = new Provider();
    // It ends with the other end of its standard input.
    provider.child = spawn("node", ["provider.mjs"], { cwd: folder, stdio: ["pipe", "pipe", "ignore"] });
    const lines = createInterface(provider.child.stdout);
    provider.issuer = await new Promise((told) => lines.once("line", told));
    return provider;
  }

  /** How a cloud is told of the provider. */
  get environment() {
    return {
      NOTEBOOK_CLOUD_OIDC_ISSUER: this.issuer,
      NOTEBOOK_CLOUD_OIDC_CLIENT_ID: "cloud",
      NOTEBOOK_CLOUD_OIDC_CLIENT_SECRET: "cloud-secret",
      NOTEBOOK_CLOUD_OIDC_AUDIENCES: "urn:notebook-cloud",
    };
  }

  async tell(what) {
    const response = await fetch(`${this.issuer}/test/tell?${new URLSearchParams(what)}`, { method: "POST" });
    if (!response.ok) throw new Error(`the provider was told ${JSON.stringify(what)}: ${response.status}`);
  }

  /** A browser of its own in which somebody has signed in, at a path. */
  async person(browser, cloud, name, path = "/", options = {}) {
    await this.tell({ person: name, redirect: `${cloud.url}/oidc` });
    const page = await (await browser.newContext(options)).newPage();
    await page.goto(`${cloud.url}${path}`);
    await page.getByTestId("provider-sign-in").click();
    await page.getByTestId("nav-notebooks").waitFor();
    return page;
  }

  stop() {
    this.child.kill();
  }
}
