/**
 * Live server state in Solid.
 *
 * @packageDocumentation
 */

import { type Accessor, createSignal, onCleanup } from "solid-js";

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

/** The client of a component, or of any root. */
export const useJuggler = ((source: Source, options?: ClientOptions): Closable | null =>
  open(source, options, onCleanup)) as UseJuggler;

/** The state, which is `null` until there is one. */
export function useSubscription<State>(client: Stateful<State> | null): Accessor<State | null>;
/** What is at a JSON pointer. */
export function useSubscription<State, Pointer extends string>(
  client: Stateful<State> | null,
  pointer: Pointer,
): Accessor<At<State | null, Pointer>>;
/** What `selector` makes of the state; it changes where that is not equal to what it was. */
export function useSubscription<State, Selected>(
  client: Stateful<State> | null,
  selector: (state: State | null) => Selected,
  isEqual?: (one: Selected, two: Selected) => boolean,
): Accessor<Selected>;
export function useSubscription(
  client: Stateful<unknown> | null,
  place?: Place,
  isEqual?: (one: never, two: never) => boolean,
): Accessor<unknown> {
  const select = selectorOf(place);
  const [value, setValue] = createSignal(select(client?.state ?? null));
  // A function that is set would be called.
  const listener = (found: unknown): unknown => setValue(() => found);
  const stop = client?.select(select, listener, isEqual as Parameters<typeof client.select>[2]);
  if (stop) onCleanup(stop);
  return value;
}

/** The status of a client, `null` without one. */
export function useStatus(client: Connected | null): Accessor<Status | null> {
  const [status, setStatus] = createSignal(client?.status ?? null);
  const stop = client?.on("status", setStatus);
  if (stop) onCleanup(stop);
  return status;
}
