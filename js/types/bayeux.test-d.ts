// What TypeScript says of a client of Bayeux, right and wrong. It is compiled, and never run.

import { Bayeux, type BayeuxMessage, type ConnectionType, ServerError, type Subscription } from "mirrorball";
import * as bayeux from "mirrorball/bayeux";
import * as juggler from "mirrorball/juggler";

/** Fails to compile where the types differ. */
declare function same<A, B>(equal: (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false): void;

interface Channels {
  "/ticks/eur": { rate: number };
  "/ticks/*": { rate: number };
  "/chat/lobby": string;
}

const bus = new Bayeux<Channels>("/cometd", {
  connectionTypes: ["websocket", "long-polling"],
  extensions: [{ outgoing: (payload, headers) => headers?.set("X-Count", String(payload.length)) }],
  auth: { authenticate: () => Promise.resolve() },
  requestHeaders: async () => ({ Authorization: "Bearer x" }),
  replay: { fallback: -2 },
});
// @ts-expect-error: there is no such option
new Bayeux("/cometd", { connectiontypes: "websocket" });
// @ts-expect-error: there is no such way
new Bayeux("/cometd", { connectionTypes: "callback-polling" });

// What is published, and what comes, is what the channel has.
same<Awaited<ReturnType<typeof bus.publish>>, BayeuxMessage>(true);
void bus.publish("/ticks/eur", { rate: 1.08 });
// @ts-expect-error: the channel has another type
void bus.publish("/ticks/eur", "1.08");
// @ts-expect-error: there is no such channel
void bus.publish("/ticks/usd", { rate: 1 });
void bus.subscribe("/ticks/*", ({ channel, data }) => {
  same<typeof channel, string>(true);
  same<typeof data, { rate: number } | undefined>(true);
});

async function loops(): Promise<void> {
  const subscription = await bus.subscribe("/chat/lobby");
  same<typeof subscription, Subscription<string>>(true);
  for await (const { data } of bus.subscribe("/chat/lobby", { replay: -1 })) same<typeof data, string | undefined>(true);
  for await (const message of bus) same<typeof message, BayeuxMessage>(true);
  await using scoped = new Bayeux("/cometd");
  await scoped.publish("/anything", { goes: true });
}

// @ts-expect-error: it is the client's
bus.closed = false;
same<typeof bus.connectionType, ConnectionType | null>(true);
bus.on("gap", ({ reason }) => {
  // @ts-expect-error: there is no such reason
  if (reason === "lost") void loops();
});

// Errors say what the server said.
declare const error: unknown;
if (error instanceof ServerError) same<typeof error.errorCode, number | null>(true);

// The entries for one protocol have that one.
same<typeof bayeux.Bayeux, typeof Bayeux>(true);
// @ts-expect-error: it is the other's
void bayeux.Juggler;
// @ts-expect-error: it is the other's
void juggler.Bayeux;
