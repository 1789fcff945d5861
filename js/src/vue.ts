/**
 * Live server state in Vue.
 *
 * @packageDocumentation
 */

import { onScopeDispose, type ShallowRef, shallowRef } from "vue";

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

/** The client of a component, or of any effect scope. */
export const useJuggler = ((source: Source, options?: ClientOptions): Closable | null =>
  open(source, options, onScopeDispose)) as UseJuggler;

/** The state, which is `null` until there is one. */
export function useSubscription<State>(client: Stateful<State> | null): Readonly<ShallowRef<State | null>>;
/** What is at a JSON pointer. */
export function useSubscription<State, Pointer extends string>(
  client: Stateful<State> | null,
  pointer: Pointer,
): Readonly<ShallowRef<At<State | null, Pointer>>>;
/** What `selector` makes of the state; it changes where that is not equal to what it was. */
export function useSubscription<State, Selected>(
  client: Stateful<State> | null,
  selector: (state: State | null) => Selected,
  isEqual?: (one: Selected, two: Selected) => boolean,
): Readonly<ShallowRef<Selected>>;
export function useSubscription(
  client: Stateful<unknown> | null,
  place?: Place,
  isEqual?: (one: never, two: never) => boolean,
): Readonly<ShallowRef> {
  const select = selectorOf(place);
  const value = shallowRef(select(client?.state ?? null));
  const listener = (found: unknown): void => {
    value.value = found;
  };
  const stop = client?.select(select, listener, isEqual as Parameters<typeof client.select>[2]);
  if (stop) onScopeDispose(stop);
  return value;
}

/** The status of a client, `null` without one. */
export function useStatus(client: Connected | null): Readonly<ShallowRef<Status | null>> {
  const status = shallowRef(client?.status ?? null);
  const stop = client?.on("status", (found) => {
    status.value = found;
  });
  if (stop) onScopeDispose(stop);
  return status;
}
