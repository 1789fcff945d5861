// Measures how long a client takes for each operation of a diff, from the socket's message to the changed state:
// `node tests/bench/patch.mjs [--browser] [TEXT]`, only the cases whose name contains TEXT. Prints one JSON
// object per measurement.

import { register } from "node:module";

import { launch, openContext, openPage } from "../browser/chromium.mjs";
import { openSite } from "../browser/site.mjs";

const parameters = process.argv.slice(2);
const part = parameters.find((parameter) => !parameter.startsWith("--")) ?? "";
const report = (measure) => console.log(JSON.stringify(measure));

async function inNode() {
  // The package under its own name, as the page knows it.
  const entry = new URL("../../js/dist/index.js", import.meta.url);
  register(`data:text/javascript,${encodeURIComponent(`export const resolve = (name, context, next) => next(name === "mirrorball" ? ${JSON.stringify(entry.href)} : name, context);`)}`);
  // The public package takes it that it is in a page, and asks for these two when it is imported.
  Object.assign(globalThis, { window: globalThis, document: new EventTarget() });
  const { run } = await import("./suite.mjs");
  await run(`patch, in node ${process.versions.node}`, report, (name) => name.includes(part));
}

async function inBrowser() {
  const site = await openSite();
  const browser = await launch();
  try {
    const { page } = await openPage(await openContext(browser), site.origin);
    await page.exposeFunction("report", report);
    const suite = `patch, in Chromium ${browser.version()}`;
    await page.evaluate(
      async ({ suite, part }) => {
        const { run } = await import("/bench/suite.mjs");
        await run(suite, globalThis.report, (name) => name.includes(part));
      },
      { suite, part },
    );
  } finally {
    await browser.close();
    site.close();
  }
}

await (parameters.includes("--browser") ? inBrowser() : inNode());
// Whatever a client still waits for is of no interest.
process.exit(0);
