// What stands between a client and a server: it counts, and it can go silent.

import WebSocket, { WebSocketServer } from "ws";

/**
 * Opens a tap on the server at `address`. `segments` counts what passes, by header. After `hush()` nothing passes any
 * more, and nobody is told; `left` tells which side has closed its connections.
 */
export async function openTap(t, address) {
  const tap = { segments: { sent: {}, received: {} }, left: { client: false, server: false }, isSilent: false };
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0, maxPayload: 2 ** 30 });
  server.on("connection", (client) => {
    const upstream = new WebSocket(address, { maxPayload: 2 ** 30 });
    const early = [];
    const relay = (from, to, counts, side) => {
      from.on("message", (data) => {
        if (tap.isSilent) return;
        const text = data.toString();
        counts[text[0]] = (counts[text[0]] ?? 0) + 1;
        if (to.readyState === WebSocket.CONNECTING) early.push(text);
        else to.send(text);
      });
      from.on("close", () => {
        tap.left[side] = true;
        if (!tap.isSilent) to.close();
      });
      from.on("error", () => to.terminate());
    };
    upstream.on("open", () => early.forEach((text) => upstream.send(text)));
    relay(client, upstream, tap.segments.sent, "client");
    relay(upstream, client, tap.segments.received, "server");
    t.after(() => upstream.terminate());
  });
  await new Promise((resolve) => server.on("listening", resolve));
  t.after(() => {
    server.clients.forEach((client) => client.terminate());
    server.close();
  });
  tap.address = `ws://127.0.0.1:${server.address().port}/ws`;
  tap.hush = () => (tap.isSilent = true);
  return tap;
}
