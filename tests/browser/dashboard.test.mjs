// The page end to end: the real program, a real browser, and what a visitor does.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { expectNoComplaints, launch, openContext, openPage } from "./chromium.mjs";
import { Program, ROOT } from "./program.mjs";
import { until } from "./until.mjs";

const MIRRORBALL = process.env.MIRRORBALL_BIN ?? join(ROOT, "target/debug/mirrorball");
const SCREENSHOTS = join(ROOT, "target/screenshots");
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core"), "utf8");

const WIDE = { width: 1600, height: 1000 };
const PHONE = { width: 360, height: 740 };
/** The narrowest page that has to work without scrolling sideways: 1280 pixels at a zoom of 400 %. */
const ZOOMED = { width: 320, height: 640 };

/** What Chromium says of a socket whose server is gone. */
const REFUSED = /^error: WebSocket connection to .* failed: .*ERR_CONNECTION_(REFUSED|RESET)/;

let browser;
before(async () => {
  mkdirSync(SCREENSHOTS, { recursive: true });
  browser = await launch();
});
after(() => browser.close());

/** Starts the demo, on `address` or wherever there is room. */
const startDemo = (address = "127.0.0.1:0", ...more) =>
  Program.start(MIRRORBALL, ["demo", "--www", "www", "--listen", address, ...more], /^open http:\/\/([^/]+)\//);

/** A demo of its own for one test, and a way to open its page. */
async function demo(t, { context: options = {}, period = 500, expected } = {}) {
  const server = await startDemo("127.0.0.1:0", "--period", String(period));
  const context = await openContext(browser, { viewport: WIDE, colorScheme: "dark", ...options });
  const pages = [];
  t.after(async () => {
    await context.close();
    await server.kill();
    for (const complaints of pages) expectNoComplaints(complaints, expected);
  });
  const open = async () => {
    const { page, complaints } = await openPage(context, `http://${server.address}/`);
    pages.push(complaints);
    await until("the page is connected and shows a sample", async () => (await text(page, "status")) === "connected" && (await sample(page)) > 0);
    return page;
  };
  return { server, open };
}

const text = (page, id) => page.getByTestId(id).textContent();
const sample = async (page) => Number(await text(page, "sample-count"));
const rows = (page) => page.locator("#process-rows tr");
const pids = (page) => rows(page).locator("[data-part=pid]").allTextContents();
const sorting = (page, column) => page.locator("th", { has: page.getByTestId(`sort-${column}`) }).getAttribute("aria-sort");
const isSorted = (page, column, order) => until(`${column} is sorted ${order}`, async () => (await sorting(page, column)) === order);
const screenshot = (page, name) => page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), fullPage: true });

/** Waits until the charts have something to show. */
const fill = (page) => until("there are 30 samples", async () => (await sample(page)) >= 30);

/** A process that others can tell from all others by its name, which is one that a page must not believe. */
function startCanary(t) {
  const folder = mkdtempSync(join(tmpdir(), "mirrorball-"));
  // The kernel keeps 15 characters.
  const name = `<img mb${process.pid % 100_000}>`;
  const script = join(folder, name);
  writeFileSync(script, "#!/bin/sh\nread line\n");
  chmodSync(script, 0o755);
  // It ends with its input, and so with this process.
  const child = spawn(script, { stdio: ["pipe", "ignore", "ignore"] });
  t.after(() => {
    child.kill();
    rmSync(folder, { recursive: true });
  });
  return { name, pid: String(child.pid), stop: () => child.stdin.end() };
}

test("the page connects and its values move", async (t) => {
  const { open } = await demo(t, { period: 100 });
  const page = await open();
  assert.match(await page.title(), /mirrorball|·/);
  const first = { count: await sample(page), cpu: await text(page, "cpu-total") };
  await until("the sample count rises", async () => (await sample(page)) > first.count + 3);
  await until("the processor's use changes", async () => (await text(page, "cpu-total")) !== first.cpu);
  assert.match(await text(page, "cpu-total"), /^\d+\.\d%$/);
  assert.match(await text(page, "memory-used"), /^\d+(\.\d+)?\s[KMGT]iB/);
  assert.match(await text(page, "uptime"), /\d/);
  assert.ok((await page.getByTestId("core-bars").locator("li").count()) > 0);
  assert.ok((await rows(page).count()) > 0);
  await until("the history is drawn", async () => (await page.locator("#cpu-history .line").getAttribute("d"))?.includes("L"));
  for (const metric of ["diffs", "bytes", "operations", "copies", "latency"]) {
    await until(`${metric} are measured`, async () => /^\d/.test(await text(page, `metric-${metric}`)));
  }
});

test("the files and the policy are the server's own", async (t) => {
  const { server } = await demo(t);
  const answer = await fetch(`http://${server.address}/`);
  assert.match(answer.headers.get("content-security-policy"), /default-src 'none'|default-src 'self'/);
  const wasm = await fetch(`http://${server.address}/mirrorball/wasm/mirrorball_bg.wasm`);
  assert.equal(wasm.headers.get("content-type"), "application/wasm");
});

test("one page sorts and filters, and every page follows", async (t) => {
  const { open } = await demo(t);
  const canary = startCanary(t);
  const [one, two] = [await open(), await open()];
  await one.getByTestId("sort-memory").click();
  for (const page of [one, two]) await isSorted(page, "memory", "descending");
  await until("both show the same processes in the same order", async () => {
    const [left, right] = await Promise.all([one, two].map(async (page) => [await sample(page), ...(await pids(page))].join(" ")));
    return left === right && left.includes(" ");
  });
  await one.getByTestId("sort-memory").click();
  for (const page of [one, two]) await isSorted(page, "memory", "ascending");

  await one.getByTestId("process-filter").fill(canary.name);
  for (const page of [one, two]) {
    await until("only the canary is shown", async () => (await pids(page)).join() === canary.pid);
    assert.equal(await rows(page).locator("[data-part=name]").textContent(), canary.name);
    assert.match(await page.locator("#process-count").textContent(), /^1 shown, 1 matching, [\d,]+ running$/);
  }
  assert.equal(await two.getByTestId("process-filter").inputValue(), canary.name);
  await two.getByTestId("process-filter").fill("");
  for (const page of [one, two]) await until("all processes are back", async () => (await rows(page).count()) > 1);
});

test("requests are answered, and a refusal is shown", async (t) => {
  const { open } = await demo(t);
  const [one, two] = [await open(), await open()];
  await one.getByTestId("period").selectOption("100");
  await until("the other page shows the new period", async () => (await two.getByTestId("period").inputValue()) === "100");
  assert.equal(await one.getByTestId("period").inputValue(), "100");

  await one.getByTestId("fail").click();
  await until("the refusal is shown", async () => /^RemoteError, after .*demo-failure: .*always fails/.test(await text(one, "fail-result")));
  assert.equal(await text(one, "status"), "connected");
});

test("without its server the page is stale, and recovers by itself", async (t) => {
  const { server, open } = await demo(t, { period: 100, expected: REFUSED });
  const page = await open();
  await fill(page);
  const values = () =>
    page.evaluate(() => ["cpu-total", "memory-used", "uptime", "process-rows", "networks"].map((id) => document.getElementById(id).textContent));
  const chroma = () =>
    page.evaluate(() => {
      const [red, green, blue] = getComputedStyle(document.querySelector("#cpu-history .line")).stroke.match(/\d+/g).map(Number);
      return Math.max(red, green, blue) - Math.min(red, green, blue);
    });
  const live = { chroma: await chroma(), count: await sample(page) };
  // What survives is the page itself; and each countdown it shows is noted down.
  await page.evaluate(() => {
    globalThis.countdowns = [];
    const element = document.getElementById("retry-countdown");
    new MutationObserver(() => globalThis.countdowns.push(element.textContent)).observe(element, { childList: true, characterData: true, subtree: true });
  });

  await server.kill();
  await until("the page says that it is stale", async () => /^stale since \d\d:\d\d:\d\d$/.test(await text(page, "status")));
  const kept = await values();
  assert.ok(kept.every((value) => /\d/.test(value)), `values are kept: ${kept}`);
  assert.ok((await sample(page)) >= live.count);
  assert.ok(live.chroma > 60 && (await chroma()) < 30, "values lose their colour");
  await until("its title says so, too", async () => /^stale · /.test(await page.title()));
  await page.getByTestId("retry-countdown").waitFor({ state: "visible" });
  await until("a countdown counts down", () =>
    page.evaluate(() => {
      const steps = globalThis.countdowns.map((text) => /^retry (\d+) in (\d+) s$/.exec(text)).filter(Boolean);
      return steps.some(([, retry, left], index) => index > 0 && steps[index - 1][1] === retry && Number(steps[index - 1][2]) === Number(left) + 1);
    }),
  );
  assert.deepEqual(await values(), kept, "the last values stay");
  await screenshot(page, "stale");
  await page.getByTestId("fail").click();
  await until("a request without a connection fails at once", async () => /^ConnectionLostError, /.test(await text(page, "fail-result")));

  const again = await startDemo(server.address, "--period", "100");
  t.after(() => again.kill());
  await until("the page is connected again", async () => (await text(page, "status")) === "connected");
  await until("values move again", async () => (await values()).join() !== kept.join());
  await until("it counts the reconnection", async () => (await text(page, "metric-reconnects")) === "1");
  assert.ok((await chroma()) > 60, "values have their colour back");
  assert.ok(await page.evaluate(() => Array.isArray(globalThis.countdowns)), "the page was not loaded again");
  assert.ok(await page.getByTestId("retry-countdown").isHidden());
  await page.getByTestId("notifications").getByText("notifications may be missing").waitFor();
});

test("cutting the connection shows what a fault of the network looks like", async (t) => {
  const { open } = await demo(t);
  const page = await open();
  await page.evaluate(() => {
    globalThis.statuses = [];
    const note = () => {
      const { status } = document.documentElement.dataset;
      if (status !== globalThis.statuses.at(-1)) globalThis.statuses.push(status);
    };
    note();
    new MutationObserver(note).observe(document.documentElement, { attributeFilter: ["data-status"] });
  });
  await page.getByTestId("cut").click();
  await until("it was stale, and is connected again", () => page.evaluate(() => globalThis.statuses.join() === "connected,stale,connected"));
  await until("it counts the reconnection", async () => (await text(page, "metric-reconnects")) === "1");
});

test("processes that start and stop are reported, whatever they call themselves", async (t) => {
  const { open } = await demo(t, { period: 100 });
  const page = await open();
  const canary = startCanary(t);
  const report = (kind) => page.locator(`#notifications [data-kind=${kind}]`, { hasText: `${canary.name} (${canary.pid})` });
  await report("started").waitFor();
  assert.match(await report("started").locator("time").textContent(), /^\d\d:\d\d:\d\d$/);
  canary.stop();
  await report("stopped").waitFor();
  assert.equal(await page.locator("main img").count(), 0, "a name is text, never markup");
});

/** Says something on a channel. */
async function say(page, channel, words) {
  const form = page.getByTestId("channel-publish");
  await form.locator("[name=channel]").fill(channel);
  await form.locator("[name=text]").fill(words);
  await form.getByRole("button").click();
}

test("two pages talk over channels, and hear what they listen to", async (t) => {
  const { open } = await demo(t);
  const [one, two] = [await open(), await open()];
  const said = (page, words) => page.getByTestId("channel-log").getByText(words, { exact: true });
  for (const page of [one, two]) {
    await page.getByTestId("channels").locator("summary").click();
    await page.getByTestId("channel-subscriptions").getByText("/chat/**").waitFor();
  }
  await say(one, "/chat/lobby", "<b>hello</b> 😀");
  for (const page of [one, two]) await said(page, "<b>hello</b> 😀").waitFor();
  assert.equal(await one.getByTestId("channel-publish").locator("[name=text]").inputValue(), "", "what was said is gone from the field");

  const listen = two.getByTestId("channel-subscribe");
  await listen.locator("[name=channel]").fill("/chat/rooms/*");
  await listen.getByRole("button").click();
  await two.getByTestId("channel-subscriptions").getByText("/chat/rooms/*").waitFor();
  await two.getByRole("button", { name: "End the subscription to /chat/**" }).click();
  await two.getByTestId("channel-subscriptions").getByText("/chat/**").waitFor({ state: "detached" });
  await say(one, "/chat/lobby", "not for the other");
  await said(one, "not for the other").waitFor();
  await say(one, "/chat/rooms/a", "for both");
  for (const page of [one, two]) await said(page, "for both").waitFor();
  assert.equal(await said(two, "not for the other").count(), 0);
  assert.equal(await said(two, "for both").count(), 1, "once, although two subscriptions matched before");

  await say(one, "/elsewhere", "refused");
  await one.getByTestId("channels-problem").waitFor();
  assert.match(await text(one, "channels-problem"), /Publish request failed.*403/);
});

test("everything can be operated with the keyboard", async (t) => {
  const { open } = await demo(t);
  const canary = startCanary(t);
  const page = await open();
  const focused = () => page.evaluate(() => document.activeElement.dataset.testid ?? document.activeElement.id ?? document.activeElement.className);
  /** Presses Tab until `id` has the focus, and sees that one can tell. */
  const tabTo = async (id) => {
    for (let presses = 0; (await focused()) !== id; presses += 1) {
      assert.ok(presses < 30, `Tab does not lead to ${id}`);
      await page.keyboard.press("Tab");
    }
    const outline = await page.evaluate(() => {
      const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement);
      return `${outlineWidth} ${outlineStyle}`;
    });
    assert.match(outline, /^[2-9]px (solid|auto)$/, `${id} shows that it has the focus`);
  };

  await tabTo("period");
  await page.keyboard.press("Home");
  await until("the period is the first choice", async () => (await page.getByTestId("period").inputValue()) === "100");
  await tabTo("cut");
  await page.keyboard.press("Enter");
  await until("the connection was cut and is back", async () => (await text(page, "metric-reconnects")) === "1");
  await tabTo("theme");
  await page.keyboard.press("Space");
  assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), "light");
  await tabTo("process-filter");
  await page.keyboard.type(canary.name);
  await until("the filter applies", async () => (await pids(page)).join() === canary.pid);
  await tabTo("sort-pid");
  await page.keyboard.press("Enter");
  await isSorted(page, "pid", "ascending");
  assert.equal(await focused(), "sort-pid", "the focus stays where it was");
  await tabTo("sort-memory");
  await page.keyboard.press("Space");
  await isSorted(page, "memory", "descending");
  await tabTo("fail");
  await page.keyboard.press("Enter");
  await until("the refusal is shown", async () => /demo-failure/.test(await text(page, "fail-result")));
  await tabTo("notifications");

  await page.reload();
  assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), "light", "the choice is kept");
  await page.keyboard.press("Tab");
  assert.ok(await page.locator(".skip").evaluate((link) => link === document.activeElement && link.getBoundingClientRect().top >= 0), "the first stop skips the rest");
  await page.keyboard.press("Enter");
  await tabTo("process-filter");
});

test("on a phone nothing scrolls sideways", async (t) => {
  const { server, open } = await demo(t, { context: { viewport: PHONE, hasTouch: true, isMobile: true }, period: 100, expected: REFUSED });
  const page = await open();
  const expectFit = async (when) => {
    const { wide, width } = await page.evaluate(() => {
      const { scrollWidth, clientWidth } = document.documentElement;
      const inside = (element) => element.closest("pre, .spoken, .skip, table, .scroll");
      const wide = [...document.querySelectorAll("body *")].filter((element) => !inside(element) && element.getBoundingClientRect().right > clientWidth + 1);
      return { width: scrollWidth - clientWidth, wide: wide.map((element) => element.id || element.className || element.tagName) };
    });
    assert.deepEqual({ width, wide }, { width: 0, wide: [] }, when);
  };
  await fill(page);
  await expectFit("connected");
  await screenshot(page, "phone");
  await page.locator(".snippet summary").tap();
  await expectFit("with the snippet open");
  await page.getByTestId("channels").locator("summary").tap();
  await until("its channels are connected", async () => (await text(page, "channels-status")) === "connected");
  await expectFit("with the channels open");
  await page.setViewportSize(ZOOMED);
  await expectFit("zoomed");
  await server.kill();
  await page.getByTestId("retry-countdown").waitFor({ state: "visible" });
  await expectFit("stale and zoomed");
  await page.setViewportSize(PHONE);
  await page.getByTestId("sort-memory").tap();
  await page.getByRole("alert").waitFor({ state: "visible" });
  await expectFit("stale, with a failed request");
  await screenshot(page, "phone-stale");
});

for (const theme of ["dark", "light"]) {
  test(`the ${theme} theme is accessible`, async (t) => {
    const { server, open } = await demo(t, { context: { colorScheme: theme }, period: 100, expected: REFUSED });
    const page = await open();
    const expectAccessible = async (when) => {
      await page.evaluate(AXE);
      const violations = await page.evaluate(async () => {
        const { violations } = await globalThis.axe.run(document, { resultTypes: ["violations"] });
        return violations.flatMap(({ id, help, nodes }) => nodes.map(({ html, any }) => ({ id, help, html, data: any.map((check) => check.message) })));
      });
      assert.deepEqual(violations, [], when);
    };
    assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), theme);
    await page.getByTestId("fail").click();
    await page.locator(".snippet summary").click();
    await page.getByTestId("channels").locator("summary").click();
    await until("its channels are connected", async () => (await text(page, "channels-status")) === "connected");
    await say(page, "/chat/lobby", "hello");
    await page.getByTestId("channel-log").getByText("hello").waitFor();
    await fill(page);
    await expectAccessible("connected");
    await screenshot(page, theme);
    await server.kill();
    await page.getByTestId("retry-countdown").waitFor({ state: "visible" });
    await page.getByTestId("sort-memory").click();
    await page.getByRole("alert").waitFor({ state: "visible" });
    await expectAccessible("stale, with a failed request");
  });
}
