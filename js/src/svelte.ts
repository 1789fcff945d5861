/**
 * Live server state in Svelte.
 *
 * @packageDocumentation
 */

import { onDestroy } from "svelte";
import { type Readable, readable } from "svelte/store";

import {
  type Closable,
  type Connected,
  open,
  type Place,
  selectorOf,
  type Source,
  type Stateful,
  type UseJuggler,
} from "./binding.js";
import type { At, ClientOptions, Status } from "./types.js";

/** The client of a component; to be called where the component begins. */
export const useJuggler = ((source: Source, options?: ClientOptions): Closable | null =>
  open(source, options, onDestroy)) as UseJuggler;

/** A store of the state, which is `null` until there is one. It listens while somebody listens to it. */
export function useSubscription<State>(client: Stateful<State> | null): Readable<State | null>;
/** A store of what is at a JSON pointer. */
export function useSubscription<State, Pointer extends string>(
  client: Stateful<State> | null,
  pointer: Pointer,
): Readable<At<State | null, Pointer>>;
/** A store of what `selector` makes of the state; it changes where that is not equal to what it was. */
export function useSubscription<State, Selected>(
  client: Stateful<State> | null,
  selector: (state: State | null) => Selected,
  isEqual?: (one: Selected, two: Selected) => boolean,
): Readable<Selected>;
export function useSubscription(
  client: Stateful<unknown> | null,
  place?: Place,
  isEqual?: (one: never, two: never) => boolean,
): Readable<unknown> {
  const select = selectorOf(place);
  return readable(select(client?.state ?? null), (set) => {
    set(select(client?.state ?? null));
    return client?.select(select, set, isEqual as Parameters<typeof client.select>[2]);
  });
}

/** A store of the status of a client, `null` without one. */
export function useStatus(client: Connected | null): Readable<Status | null> {
  return readable(client?.status ?? null, (set) => {
    set(client?.status ?? null);
    return client?.on("status", set);
  });
}
