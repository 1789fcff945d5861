// A web server in front of the real one: a folder of files under a policy of the test's choice, WebSockets handed on.

import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { connect } from "node:net";
import { extname, join } from "node:path";

const TYPES = { ".html": "text/html", ".js": "text/javascript", ".wasm": "application/wasm" };

/** Serves `folder` with the Content-Security-Policy `policy`, or with none; `backend` is the address of the real server. */
export async function openSite(folder, backend, policy) {
  const server = createServer(async ({ url }, response) => {
    const { pathname } = new URL(url, "http://localhost");
    const name = pathname === "/" ? "index.html" : pathname;
    if (policy !== undefined) response.setHeader("Content-Security-Policy", policy);
    try {
      const body = await readFile(join(folder, name));
      response.setHeader("Content-Type", TYPES[extname(name)] ?? "text/plain").end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  server.on("upgrade", ({ method, url, rawHeaders }, socket, head) => {
    const { hostname, port } = new URL(`http://${backend}`);
    const upstream = connect(Number(port), hostname);
    const lines = rawHeaders.reduce((text, word, index) => text + word + (index % 2 === 0 ? ": " : "\r\n"), "");
    upstream.write(`${method} ${url} HTTP/1.1\r\n${lines}\r\n`);
    upstream.write(head);
    upstream.pipe(socket).pipe(upstream);
    upstream.on("error", () => socket.destroy());
    socket.on("error", () => upstream.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  return { url: `http://127.0.0.1:${server.address().port}/`, close };
}
