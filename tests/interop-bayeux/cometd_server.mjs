// cometd-nodejs-server at the tests' command. It ends with its standard input.

import { createServer } from "node:http";

import cometdServer from "cometd-nodejs-server";

import { options, serve } from "./commands.mjs";

const { port = 0, timeout, maxInterval } = options;
const given = Object.entries({ timeout, maxInterval }).filter(([, value]) => value !== undefined);
const cometd = cometdServer.createCometDServer({ sweepPeriod: 100, ...Object.fromEntries(given) });
const permit = (session, message, channel, answer) => answer(null, !(channel.name ?? channel).startsWith("/forbidden/"));
cometd.policy = { canSubscribe: permit, canPublish: permit };

let sessions = 0;
cometd.addListener("sessionAdded", () => (sessions += 1));
cometd.addListener("sessionRemoved", () => (sessions -= 1));

const server = createServer((request, response) => {
  const { origin } = request.headers;
  // It leaves it to others to say whose pages may ask.
  if (origin !== undefined) {
    response.setHeader("Access-Control-Allow-Origin", origin);
    response.setHeader("Access-Control-Allow-Credentials", "true");
    response.setHeader("Access-Control-Allow-Headers", "Content-Type");
  }
  if (request.url === "/sessions" || request.method === "OPTIONS") response.end(String(sessions));
  else cometd.handle(request, response);
});
server.listen(port, "127.0.0.1", () => serve(`http://localhost:${server.address().port}`, {}));
