// faye's client at the tests' command.

import faye from "faye";

import { options, serve } from "./commands.mjs";

const client = new faye.Client(options.address, { retry: 0.1, timeout: options.patience / 1_000 });
// It shakes hands over long-polling always.
for (const type of ["websocket", "eventsource"]) if (type !== options.transport) client.disable(type);

// One message is one object of data, however many subscriptions hear it.
const arrived = new Map();
const messages = new Set();
const subscriptions = new Map();
let [sessions, isConnected] = [0, false];

client.addExtension({
  incoming(message, pass) {
    if (message.channel === "/meta/handshake" && message.successful) sessions += 1;
    if (message.data !== undefined) arrived.set(message.data, message);
    pass(message);
  },
});
client.on("transport:up", () => (isConnected = true));
client.on("transport:down", () => (isConnected = false));

const settled = (promised) =>
  new Promise((resolve, reject) => promised.then(() => resolve(), ({ code, params, message }) => reject(`${code}:${params.join()}:${message}`)));

await new Promise((resolve) => client.connect(resolve));

const commands = {
  subscribe({ channel }) {
    subscriptions.set(channel, client.subscribe(channel, (data) => messages.add(arrived.get(data))));
    return settled(subscriptions.get(channel));
  },
  unsubscribe({ channel }) {
    subscriptions.get(channel).cancel();
    subscriptions.delete(channel);
  },
  publish: ({ channel, data }) => settled(client.publish(channel, data)),
  // What it is told at once, it sends together.
  batch: ({ steps }) => Promise.all(steps.map(({ do: what, ...step }) => commands[what](step))),
  messages: () => [...messages].map(({ channel, data }) => [channel, data]),
  status: () => ({ transport: client._dispatcher.connectionType, isConnected, sessions }),
  disconnect: () => settled(client.disconnect()),
};
serve(options.address, commands);
