// Headless Chromium, and pages that keep an account of whatever goes wrong in them.

import assert from "node:assert/strict";

import { chromium } from "playwright-core";

import { PATIENCE } from "./until.mjs";

const ARGUMENTS = [
  "--headless",
  // As root there is no sandbox; the pages are our own.
  "--no-sandbox",
  "--disable-gpu",
  "--disable-dev-shm-usage",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Starts the browser. */
export const launch = (...more) =>
  chromium.launch({ executablePath: process.env.MIRRORBALL_CHROMIUM ?? "/usr/bin/chromium", args: [...ARGUMENTS, ...more] });

/** A window of its own, with its own storage. */
export async function openContext(browser, options = {}) {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(PATIENCE);
  // What the policy forbids is reported to the page; the page does not listen.
  await context.addInitScript(() => {
    addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) => {
      console.error(`policy violated: ${violatedDirective} by ${blockedURI}`);
    });
  });
  return context;
}

/** A page of `context`, and what it complained of. */
export async function openPage(context, url) {
  const page = await context.newPage();
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(`uncaught: ${error.stack ?? error}`));
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complaints.push(`${message.type()}: ${message.text()}`);
  });
  page.on("response", (response) => {
    if (response.status() >= 400) complaints.push(`${response.status()}: ${response.url()}`);
  });
  await page.goto(url);
  return { page, complaints };
}

/** Fails where a page complained of anything but what was to be `expected`. */
export function expectNoComplaints(complaints, expected = /$^/) {
  assert.deepEqual(complaints.filter((complaint) => !expected.test(complaint)), []);
}
