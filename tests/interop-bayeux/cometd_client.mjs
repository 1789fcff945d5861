// CometD's JavaScript client at the tests' command.

import { CometD } from "cometd";
import { AckExtension } from "cometd/AckExtension.js";
import { BinaryExtension } from "cometd/BinaryExtension.js";
import { TimeSyncExtension } from "cometd/TimeSyncExtension.js";
import { adapt } from "cometd-nodejs-client";

import { options, serve } from "./commands.mjs";

const { getTime } = Date.prototype;
Date.prototype.getTime = function () {
  return getTime.call(this) - (options.slow ?? 0);
};

adapt();
const client = new CometD();
const sync = new TimeSyncExtension();
const extensions = { ack: new AckExtension(), binary: new BinaryExtension(), timesync: sync };
for (const name of options.extensions ?? []) client.registerExtension(name, extensions[name]);
for (const type of client.getTransportTypes()) if (type !== options.transport) client.unregisterTransport(type);
client.configure({ url: options.address, maxNetworkDelay: options.patience, backoffIncrement: 50, maxBackoff: 200 });

// One message is one object, however many subscriptions hear it.
const messages = new Set();
const subscriptions = new Map();
let [sessions, isConnected, ack] = [0, false, null];

// What a pattern matches locally are replies as well.
const hear = (message) => void (message.channel.startsWith("/meta/") || messages.add(message));

const settled = (begin) =>
  new Promise((resolve, reject) => begin((reply) => (reply.successful ? resolve() : reject(reply.error ?? "lost"))));

const subscribe = (channel) =>
  settled((replied) => subscriptions.set(channel, client.subscribe(channel, hear, replied)));

client.addListener("/meta/handshake", ({ successful, ext }) => {
  if (!successful) return;
  sessions += 1;
  ack = ext?.ack ?? null;
  // Its manual has the application subscribe here.
  for (const channel of subscriptions.keys()) subscribe(channel).catch(() => undefined);
});
client.addListener("/meta/connect", ({ successful }) => (isConnected = successful));

await settled((replied) => client.handshake(replied));

const commands = {
  subscribe: ({ channel }) => subscribe(channel),
  unsubscribe: ({ channel }) =>
    settled((replied) => {
      client.unsubscribe(subscriptions.get(channel), replied);
      subscriptions.delete(channel);
    }),
  publish: ({ channel, data }) => settled((replied) => client.publish(channel, data, replied)),
  batch({ steps }) {
    const answers = [];
    client.batch(() => answers.push(...steps.map(({ do: what, ...step }) => commands[what](step))));
    return Promise.all(answers);
  },
  messages: () => [...messages].map(({ channel, data, ext }) => [channel, ext?.binary ? [...new Uint8Array(data.data)] : data]),
  status: () => ({ transport: client.getTransport()?.type, isConnected, sessions, ack }),
  disconnect: () => settled((replied) => client.disconnect(replied)),
  call: ({ target, data }) =>
    new Promise((resolve) => client.remoteCall(target, data, ({ successful, data }) => resolve({ successful, data }))),
  bytes: ({ channel, bytes }) => settled((replied) => client.publishBinary(channel, new Uint8Array(bytes), true, undefined, replied)),
  clock: () => ({ offset: sync.getTimeOffset(), lag: sync.getNetworkLag() }),
};
serve(options.address, commands);
