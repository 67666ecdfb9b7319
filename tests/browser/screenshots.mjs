// Pictures for the README, from the real programs: node screenshots.mjs [FOLDER]
// With ALL=1 also dark and narrow ones, for looking at.
import { mkdirSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { launch } from "./support/browser.mjs";
import { addMachine, api, newNotebook, signIn } from "./support/page.mjs";
import { Cloud } from "./support/processes.mjs";

const folder = resolve(process.argv[2] ?? "../../docs/images");
const INTRO = `# Rain at the old mill

Thirty years of daily readings. Have the **dry spells** become longer? With a chance of rain $p$ on any day, a spell
lasts more than $k$ days with probability $(1 - p)^k$.`;
const LOAD = `import random, statistics
random.seed(11)
spells = {year: 8 + (year - 1995) * 0.16 + random.gauss(0, 1.4) for year in range(1995, 2025)}
print(f"{len(spells)} years, {statistics.mean(spells.values()):.1f} dry days at a stretch on average")`;
const SHOW = `from IPython.display import HTML, SVG, display
bars = "".join(f'<rect x="{24 * i}" y="{110 - 7*d}" width="17" height="{7*d}" rx="3" fill="#33658a"/>'
               for i, d in enumerate(spells.values()))
display(SVG(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 714 110">{bars}</svg>'))
means = [statistics.mean(d for y, d in spells.items() if y // 10 == ten) for ten in (199, 200, 201, 202)]
HTML("<table><tr><th>1990s<th>2000s<th>2010s<th>2020s<tr>" + "".join(f"<td>{mean:.1f}" for mean in means))`;

const projects = join(tmpdir(), "projects");
const cloud = new Cloud();
const browser = await launch();

async function fill(page, notebook) {
  await notebook.cell(0).write(LOAD);
  await page.keyboard.press("Escape");
  await page.keyboard.press("a");
  const intro = notebook.cell(0);
  await page.locator('[data-testid="cell"]').nth(1).waitFor();
  await page.keyboard.press("m");
  await page.keyboard.press("Enter");
  await intro.write(INTRO);
  await page.keyboard.press("Escape");
  await notebook.cell(1).run();
  await notebook.cell(1).status("done");
  await (await notebook.addAndRun(SHOW)).status("done");
  await page.keyboard.press("Escape");
}

async function take(page, name) {
  // No tools of a cell that the pointer happens to be on, no focus ring.
  await page.mouse.move(1, 400);
  await page.evaluate(() => {
    scrollTo(0, 0);
    document.activeElement?.blur();
  });
  await page.evaluate(() => document.fonts.ready);
  await page.screenshot({ path: join(folder, `${name}.png`), animations: "disabled" });
}

async function variants(page, name) {
  await take(page, name);
  if (process.env.ALL === undefined) return;
  for (const [kind, colorScheme, width] of [
    ["dark", "dark", 1280],
    ["narrow", "light", 390],
  ]) {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize({ width, height: 860 });
    await page.locator(`html[data-theme="${colorScheme}"]`).waitFor();
    await page.waitForTimeout(500);
    await take(page, `${name}-${kind}`);
  }
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize({ width: 1280, height: 860 });
}

try {
  mkdirSync(folder, { recursive: true });
  mkdirSync(projects, { recursive: true });
  await cloud.start();
  const context = await browser.newContext({
    viewport: { width: 1280, height: 860 },
    deviceScaleFactor: 2,
    colorScheme: "light",
  });
  const page = await context.newPage();
  await signIn(page, cloud);
  await addMachine(page, cloud, { name: "lab-tower", cwd: projects });
  await addMachine(page, cloud, { name: "attic-server", cwd: projects });
  const notebook = await newNotebook(page, cloud);
  await api(page, cloud, "PATCH", `/api/n/${notebook.id}`, { title: "Rain at the old mill" });
  await page.reload();
  await notebook.ready();
  await notebook.attach("lab-tower");
  await notebook.compute("idle");
  await fill(page, notebook);
  await notebook.compute("idle");
  await notebook.connection("saved");
  await page.locator(".katex").first().waitFor();
  await page.waitForTimeout(500);
  await variants(page, "notebook");
  await page.getByTestId("nav-workstations").click();
  await page.getByTestId("workstation").nth(1).waitFor();
  await variants(page, "workstations");
  await page.getByTestId("nav-notebooks").click();
  await page.getByTestId("notebook-row").waitFor();
  if (process.env.ALL !== undefined) await variants(page, "list");
} catch (error) {
  for (const page of browser.contexts().flatMap((context) => context.pages())) {
    process.stderr.write(await page.locator("body").innerText());
  }
  throw error;
} finally {
  await browser.close();
  await cloud.stop();
  rmdirSync(projects);
}
