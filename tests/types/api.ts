// What the types of the package have to say, and what they have to refuse. `cargo xtask test lint` has tsc check it.

import { type At, Juggler, type Snapshot, type Status } from "mirrorball";
import * as react from "mirrorball/react";
import * as solid from "mirrorball/solid";
import * as svelte from "mirrorball/svelte";
import * as vue from "mirrorball/vue";
import type { Accessor } from "solid-js";
import type { Readable } from "svelte/store";
import type { ShallowRef } from "vue";

interface Plant {
  devices: Record<string, { on: boolean; power: number; tags: string[] }>;
  note?: string;
}
interface PlantApi {
  "set-limit": (data: { id: string; max: number }) => { old: number };
  later: (data: null) => Promise<boolean>;
}
interface PlantNotifications {
  alarm: { level: number; devices: string[] };
  "shift-over": null;
}

/** Fails to compile where both are not the very same type. */
function same<One, Two>(..._: (<T>() => T extends One ? 1 : 2) extends <T>() => T extends Two ? 1 : 2 ? [] : [never]): void {}

const plant = new Juggler<Plant, PlantApi, PlantNotifications>("/ws");

// Snapshots cannot be changed, however deep.
same<typeof plant.state, Snapshot<Plant> | null>();
// @ts-expect-error it is read-only
plant.state!.devices = {};
// @ts-expect-error it is read-only
plant.state!.devices["a7"]!.power = 1;
// @ts-expect-error it is read-only
plant.state!.devices["a7"]!.tags.push("new");
// @ts-expect-error it is null until there is one
plant.state.devices;

// Pointers.
same<At<Plant, "">, Plant>();
same<At<Plant, "/note">, string | undefined>();
same<At<Plant, "/devices/a7/power">, number | undefined>();
same<At<Plant | null, "/devices/a7/tags/0">, string | undefined>();
same<At<Plant, "/devices/a7/power/deeper">, undefined>();
same<At<Plant, "/elsewhere">, unknown>();
same<At<Plant, "/devices/with~1slash">, unknown>();
same<At<Plant, string>, unknown>();
same<At<unknown, "/a/b">, unknown>();
plant.subscribe("/devices/a7/power", (power) => same<typeof power, number | undefined>());
plant.subscribe((state) => same<typeof state, Snapshot<Plant> | null>(), { schedule: "frame", signal: AbortSignal.timeout(1) });
// @ts-expect-error there is no such schedule
plant.subscribe(() => undefined, { schedule: "later" });

// Selectors.
plant.select(
  (state) => state?.devices["a7"]?.power ?? 0,
  (power) => same<typeof power, number>(),
  (one, two) => Math.abs(one - two) < 1,
);

// Requests.
same<ReturnType<typeof plant.request<"set-limit">>, Promise<{ old: number }>>();
same<ReturnType<typeof plant.request<"later">>, Promise<boolean>>();
void plant.request("set-limit", { id: "a7", max: 80 }, { timeout: 5_000 });
// @ts-expect-error the data is another
void plant.request("set-limit", { id: "a7" });
// @ts-expect-error there is no such request
void plant.request("set-limits", { id: "a7", max: 80 });

// Notifications.
for await (const alarm of plant.notifications("alarm")) same<typeof alarm, Snapshot<PlantNotifications["alarm"]>>();
// @ts-expect-error there is no such notification
plant.notifications("alarms");
plant.on("notify", (notification) => {
  if (notification.name === "alarm") same<typeof notification.data.level, number>();
  else same<typeof notification.data, null>();
});
// @ts-expect-error there is no such event
plant.on("notification", () => undefined);

// Without types everything is unknown, and a name is any text.
const any = new Juggler(["/ws", new URL("https://plant.example/ws")]);
same<typeof any.state, unknown>();
void any.request("anything", { at: "all" }).then((answer) => same<typeof answer, unknown>());
any.on("notify", ({ name, data }) => {
  same<typeof name, string>();
  same<typeof data, unknown>();
});

// The bindings.
const nullable: Juggler<Plant, PlantApi> | null = plant as Juggler<Plant, PlantApi> | null;
same<ReturnType<typeof react.useJuggler<Plant, PlantApi>>, Juggler<Plant, PlantApi> | null>();
const given = react.useJuggler(plant);
same<typeof given, typeof plant>();
const made = vue.useJuggler(() => new Juggler<Plant>("/ws"));
same<typeof made, Juggler<Plant> | null>();
const whole = react.useSubscription(nullable);
same<typeof whole, Snapshot<Plant> | null>();
const power = react.useSubscription(nullable, "/devices/a7/power");
same<typeof power, number | undefined>();
const ofAny = react.useSubscription(nullable, `/devices/${String(Math.random())}/power`);
same<typeof ofAny, number | undefined>();
const on = react.useSubscription(nullable, (state) => Object.values(state?.devices ?? {}).some((device) => device.on));
same<typeof on, boolean>();
const status = react.useStatus(nullable);
same<typeof status, Status | null>();
const inVue = vue.useSubscription(nullable, "/devices/a7/power");
same<typeof inVue, Readonly<ShallowRef<number | undefined>>>();
const inSvelte = svelte.useSubscription(nullable, (state) => state?.note);
same<typeof inSvelte, Readable<string | undefined>>();
const inSolid = solid.useSubscription(nullable, "/devices/a7/power");
same<typeof inSolid, Accessor<number | undefined>>();
