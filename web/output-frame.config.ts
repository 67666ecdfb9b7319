// How the frame of outputs is built: one document with its script inside, since it may load nothing.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build, type Plugin } from "vite";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

async function script(): Promise<string> {
  const built = await build({
    configFile: false,
    publicDir: false,
    logLevel: "warn",
    build: {
      write: false,
      target: "es2022",
      lib: { entry: here("./src/output-frame/main.ts"), formats: ["iife"], name: "outputFrame" },
    },
  });
  const outputs = [built].flat().flatMap((one) => ("output" in one ? one.output : []));
  const code = outputs.map((one) => (one.type === "chunk" ? one.code : "")).join("");
  if (code === "") throw new Error("the script of the output frame is empty");
  return code.replace(/<\/(script)/gi, "<\\/$1");
}

/** Writes `output-frame.html` beside the page. */
export function outputFrame(): Plugin {
  return {
    name: "output-frame",
    apply: "build",
    async writeBundle({ dir = "dist" }) {
      const html = readFileSync(here("./src/output-frame/frame.html"), "utf8");
      const code = await script();
      mkdirSync(dir, { recursive: true });
      writeFileSync(
        join(dir, "output-frame.html"),
        html.replace(/<!-- script.*?-->/, () => `<script>\n${code}</script>`),
      );
    },
  };
}
