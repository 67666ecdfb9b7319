// Pictures of the built page with a pretended server: node dev/preview.mjs OUT_DIR
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { base, knobs, room, stop } from "./mock-server.mjs";

const out = process.argv[2] ?? "preview";
mkdirSync(out, { recursive: true });
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ],
});
let problems = 0;
for (const colorScheme of ["light", "dark"]) {
  const context = await browser.newContext({
    colorScheme,
    viewport: { width: 1200, height: 900 },
    permissions: ["clipboard-write"],
  });
  await context.routeWebSocket(/\/sync/, (socket) => room.connect(socket));
  const page = await context.newPage();
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") {
      problems += 1;
      console.log(`${colorScheme} ${message.type()}: ${message.text()}`);
    }
  });
  page.on("pageerror", (error) => {
    problems += 1;
    console.log(`${colorScheme} page error: ${error.stack}`);
  });
  const shot = async (name) => {
    await page.waitForTimeout(400);
    await page.screenshot({ path: join(out, `${name}-${colorScheme}.png`) });
  };
  await page.goto(base);
  await page.getByTestId("notebook-list").waitFor();
  await shot("list");
  await page.goto(`${base}/n/nb0`);
  await page.getByTestId("cell").first().waitFor();
  await page.locator(".katex-display").first().waitFor();
  await shot("notebook");
  await page.getByTestId("compute-chip").click();
  await page.getByTestId("attach-machine").first().waitFor();
  await shot("menu");
  await page.keyboard.press("Escape");
  await page.evaluate(() => scrollTo(0, 9999));
  await shot("notebook-end");
  await page.getByTestId("share").click();
  await page.getByTestId("request").waitFor();
  await shot("share");
  await page.goto(`${base}/account`);
  await page.getByTestId("audit").waitFor();
  await page.getByTestId("tokens").waitFor();
  await shot("account");
  await page.goto(`${base}/workstations`);
  await page.getByTestId("machine-settings").waitFor();
  await shot("panel");
  await page.getByTestId("machine-history").first().click();
  await page.getByTestId("history").waitFor();
  await shot("history");
  await page.getByTestId("history-close").click();
  knobs.polls = 0;
  await page.getByTestId("add-machine").click();
  await page.getByTestId("pairing-code").waitFor();
  await shot("pairing");
  await page.locator("[data-testid=pairing-status][data-status=registered]").waitFor();
  await shot("registered");
  await context.close();
}
knobs.signedIn = false;
const page = await browser.newPage();
await page.goto(base);
await page.getByTestId("sign-in-page").waitFor();
await page.screenshot({ path: join(out, "sign-in.png") });
await browser.close();
stop();
console.log(`${problems} problems; pictures in ${out}`);
process.exitCode = problems === 0 ? 0 : 1;
