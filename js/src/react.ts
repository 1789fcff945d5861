/**
 * Live server state in React.
 *
 * @packageDocumentation
 */

import { useCallback, useEffect, useMemo, useRef, useState, useSyncExternalStore } from "react";

import {
  type Closable,
  type Connected,
  isClient,
  make,
  type Place,
  selectorOf,
  type Source,
  type Stateful,
  type UseJuggler,
} from "./binding.js";
import type { At, ClientOptions, Status } from "./types.js";

/** The client of a component. It is made once the component is mounted, and again where the addresses change. */
export const useJuggler = ((source: Source, options?: ClientOptions): Closable | null => {
  const [client, setClient] = useState<Closable | null>(null);
  const given = isClient(source) ? source : null;
  const key = given ?? keyOf(source as Exclude<Source, Closable>);
  useEffect(() => {
    if (isClient(source)) return undefined;
    const made = make(source, options);
    setClient(made);
    return () => {
      made.close();
    };
  }, [key]);
  return given ?? client;
}) as UseJuggler;

/** The state, which is `null` until there is one. */
export function useSubscription<State>(client: Stateful<State> | null): State | null;
/** What is at a JSON pointer. The component renders again when that changed, and only then. */
export function useSubscription<State, Pointer extends string>(
  client: Stateful<State> | null,
  pointer: Pointer,
): At<State | null, Pointer>;
/** What `selector` makes of the state. The component renders again when that is not equal to what it was. */
export function useSubscription<State, Selected>(
  client: Stateful<State> | null,
  selector: (state: State | null) => Selected,
  isEqual?: (one: Selected, two: Selected) => boolean,
): Selected;
export function useSubscription(
  client: Stateful<unknown> | null,
  place?: Place,
  isEqual: (one: never, two: never) => boolean = Object.is,
): unknown {
  const shown = useRef<{ readonly value: unknown }>(undefined);
  const [snapshot, first] = useMemo(() => {
    const select = selectorOf(place);
    const read = (stateNow: () => unknown): (() => unknown) => {
      let last: { readonly state: unknown; readonly value: unknown } | undefined;
      return () => {
        const state = stateNow();
        if (last && Object.is(last.state, state)) return last.value;
        const found = select(state);
        const before = last ?? shown.current;
        const isSame = before !== undefined && isEqual(before.value as never, found as never);
        last = { state, value: isSame ? before.value : found };
        return last.value;
      };
    };
    return [read(() => client?.state ?? null), read(() => null)];
  }, [client, place, isEqual]);
  const subscribe = useCallback(
    (changed: () => void) => client?.select((state) => state, changed) ?? nothing,
    [client],
  );
  const value = useSyncExternalStore(subscribe, snapshot, first);
  useEffect(() => {
    shown.current = { value };
  });
  return value;
}

/** The status of a client, `null` without one. */
export function useStatus(client: Connected | null): Status | null {
  const subscribe = useCallback((changed: () => void) => client?.on("status", changed) ?? nothing, [client]);
  return useSyncExternalStore(
    subscribe,
    () => client?.status ?? null,
    () => null,
  );
}

/** What tells addresses from others: the same ones may be another array. */
function keyOf(source: Exclude<Source, Closable>): string {
  if (typeof source === "function") return "";
  const addresses = typeof source === "string" || source instanceof URL ? [source] : source;
  return addresses.join("\n");
}

const nothing = (): void => undefined;
