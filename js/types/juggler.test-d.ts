// What the types of a client promise, and what they refuse. Only compiled, never run.

import * as main from "mirrorball";
import * as inline from "mirrorball/inline";
import * as slim from "mirrorball/slim";
import {
  type AnyApi,
  type ErrorCode,
  Juggler,
  MirrorballError,
  RemoteError,
  type Snapshot,
  type Status,
} from "mirrorball";

/** Compiles where the two are the same type. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
declare function same<A, B>(is: Same<A, B>): void;

interface Plant {
  devices: Record<string, { on: boolean; power: number }>;
  tags: string[];
}
interface PlantApi {
  "set-limit": (data: { id: string; max: number }) => { old: number };
  reset(data: null): Promise<boolean>;
}

const plant = new Juggler<Plant, PlantApi>("/ws");

// The state: typed, perhaps not there yet, and never to be changed.
same<typeof plant.state, Snapshot<Plant> | null>(true);
// @ts-expect-error: there may be no state yet
plant.state.devices;
same<NonNullable<NonNullable<typeof plant.state>["devices"]["a7"]>["power"], number>(true);
same<NonNullable<typeof plant.state>["tags"], readonly string[]>(true);
if (plant.state !== null) {
  // @ts-expect-error: a snapshot is not assigned to
  plant.state.tags = [];
  // @ts-expect-error: nor is what is in it
  plant.state.tags.push("new");
  const a7 = plant.state.devices["a7"];
  // @ts-expect-error: however deep
  if (a7) a7.on = true;
  // @ts-expect-error: there is no such member
  plant.state.device;
}
// @ts-expect-error: the state is the server's
plant.state = null;

// Requests: by name, with their data and their answer.
same<ReturnType<typeof limit>, Promise<{ old: number }>>(true);
function limit() {
  return plant.request("set-limit", { id: "a7", max: 80 }, { timeout: 5_000, signal: AbortSignal.timeout(1) });
}
const reset: Promise<boolean> = plant.request("reset", null);
// @ts-expect-error: there is no such request
plant.request("set-limits", { id: "a7", max: 80 });
// @ts-expect-error: its data has another type
plant.request("set-limit", { id: "a7", max: "80" });
// @ts-expect-error: it needs data
plant.request("set-limit");
// @ts-expect-error: its answer has another type
const wrong: Promise<string> = plant.request("reset", null);
// @ts-expect-error: there is no such option
plant.request("reset", null, { timeouts: 5_000 });
// @ts-expect-error: requests are functions from data to answer
new Juggler<Plant, { "set-limit": number }>("/ws");

// A client of which nothing is known.
const any = new Juggler();
same<typeof any, Juggler<unknown, AnyApi>>(true);
const unknown: Promise<unknown> = any.request("whatever", { goes: 1 });

// Listeners: with what they are told, and what ends them.
const stop: () => void = plant.subscribe((state) => {
  same<typeof state, Snapshot<Plant> | null>(true);
});
plant.subscribe("/devices/a7/power", (value) => {
  same<typeof value, number | undefined>(true);
}, { signal: AbortSignal.abort() });
// @ts-expect-error: a pointer needs a listener
plant.subscribe("/devices/a7/power");
plant.on("status", (status) => {
  same<typeof status, Status>(true);
});
plant.on("notify", ({ name, data }) => {
  same<typeof name, string>(true);
  same<typeof data, unknown>(true);
});
plant.on("error", (error) => {
  same<typeof error, MirrorballError>(true);
});
// @ts-expect-error: there is no such event
plant.on("closed", () => undefined);

// The status is one of five, and nobody's to set.
same<Status["state"], "connecting" | "connected" | "stale" | "closed" | "failed">(true);
// @ts-expect-error: there is no such state
if (plant.status.state === "open") stop();
// @ts-expect-error: it is the client's
plant.status.retries = 0;

// Options.
new Juggler(["wss://plant.example/ws", new URL("wss://standby.example/ws")], { reconnect: false, pingDelay: Infinity });
new Juggler("/ws", { signal: undefined });
// @ts-expect-error: there is no such option
new Juggler("/ws", { pingdelay: 1 });
// @ts-expect-error: times are numbers
new Juggler("/ws", { pingDelay: "1 s" });
// @ts-expect-error: this is no address
new Juggler(8080);
// @ts-expect-error: where the module comes from is the entry's to say
new Juggler("/ws", {}, () => "mirrorball.wasm");

// Errors.
const error = new RemoteError<{ reason: string }>("refused", { reason: "too high" });
same<typeof error.data, { reason: string }>(true);
same<typeof error.code, ErrorCode>(true);
// @ts-expect-error: there is no such code
if (error.code === "timed-out") stop();

// The client is disposed of where its scope ends.
async function scoped(): Promise<void> {
  await using client = new Juggler("/ws");
  await client.ready;
}

// Every entry has the same, and its clients fit where those of another are wanted.
same<Exclude<keyof typeof inline, keyof typeof main>, never>(true);
same<Exclude<keyof typeof main, keyof typeof inline>, never>(true);
same<Exclude<keyof typeof main, keyof typeof slim>, never>(true);
same<Exclude<keyof typeof slim, keyof typeof main>, "provideBayeuxWasm" | "provideWasm">(true);
const one: main.Juggler<Plant, PlantApi> = new inline.Juggler<Plant, PlantApi>("/ws");
const other: inline.Juggler<Plant, PlantApi> = new slim.Juggler<Plant, PlantApi>("/ws");
// @ts-expect-error: the state is another
const another: main.Juggler<string> = new slim.Juggler<number>("/ws");
same<typeof main.MirrorballError, typeof slim.MirrorballError>(true);

// Where the module is.
slim.provideWasm(new URL("https://cdn.example/mirrorball.wasm"));
slim.provideWasm(fetch("/mirrorball.wasm"));
slim.provideWasm(new Uint8Array(8));
slim.provideWasm(WebAssembly.compileStreaming(fetch("/mirrorball.wasm")));
// @ts-expect-error: a module is somewhere
slim.provideWasm(undefined);
