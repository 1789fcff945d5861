// faye's server at the tests' command. It ends with its standard input.

import { createServer } from "node:http";

import faye from "faye";

import { options, serve } from "./commands.mjs";

const { port = 0, timeout = 30_000 } = options;
const adapter = new faye.NodeAdapter({ mount: "/cometd", timeout: timeout / 1_000 });
adapter.addExtension({
  incoming(message, pass) {
    const channel = message.channel === "/meta/subscribe" ? message.subscription : message.channel;
    if (channel.startsWith("/forbidden/")) message.error = `403:${channel}:nobody_may`;
    pass(message);
  },
});

let sessions = 0;
adapter.on("handshake", () => (sessions += 1));
adapter.on("disconnect", () => (sessions -= 1));

const server = createServer((request, response) => response.end(String(sessions)));
adapter.attach(server);
server.listen(port, "127.0.0.1", () => serve(`http://localhost:${server.address().port}`, {}));
