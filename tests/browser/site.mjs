// A site on loopback, for pages that are the tests' own.

import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join } from "node:path";

import { ROOT } from "./program.mjs";

const TYPES = { ".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm" };

/** What the site serves, each from a directory below the top of the tree. */
const DIRECTORIES = { "/mirrorball/": "js/dist", "/packages/": "tests/node_modules", "/bench/": "tests/bench" };

/** Packages under the names by which they import each other. */
const IMPORTS = {
  mirrorball: "/mirrorball/index.js",
  "@hat-open/juggler": "/packages/@hat-open/juggler/index.js",
  "@hat-open/renderer": "/packages/@hat-open/renderer/index.js",
  "@hat-open/util": "/packages/@hat-open/util/index.js",
  "fast-json-patch": "/packages/fast-json-patch/index.mjs",
  snabbdom: "/packages/snabbdom/build/index.js",
};

const PAGE = `<!doctype html><link rel="icon" href="data:,"><title>tests</title><script type="importmap">${JSON.stringify({ imports: IMPORTS })}</script>`;

/** Starts to serve; the page is at `/`. `modules` are scripts of the test's own, by their paths. */
export async function openSite(modules = {}) {
  const server = createServer(async ({ url }, response) => {
    const { pathname } = new URL(url, "http://localhost");
    const prefix = Object.keys(DIRECTORIES).find((prefix) => pathname.startsWith(prefix));
    try {
      if (pathname === "/") {
        response.setHeader("Content-Type", "text/html").end(PAGE);
      } else if (Object.hasOwn(modules, pathname)) {
        response.setHeader("Content-Type", "text/javascript").end(modules[pathname]);
      } else if (prefix) {
        const body = await readFile(join(ROOT, DIRECTORIES[prefix], pathname.slice(prefix.length)));
        response.setHeader("Content-Type", TYPES[extname(pathname)] ?? "text/plain").end(body);
      } else {
        response.writeHead(404).end();
      }
    } catch {
      response.writeHead(404).end();
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  return { origin: `http://127.0.0.1:${server.address().port}`, close };
}
