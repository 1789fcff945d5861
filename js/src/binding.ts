// What the bindings for frameworks have in common.

import type { Address } from "./address.js";
import { Juggler } from "./juggler.js";
import { Pointer } from "./pointer.js";
import type { AnyApi, Api, ClientOptions, Status } from "./types.js";

/** What a binding needs of a client to show its state: `State` is what {@link Juggler.state} is. */
export interface Stateful<State> {
  readonly state: State;
  select<Selected>(
    selector: (state: State) => Selected,
    listener: (value: Selected) => void,
    isEqual?: (one: Selected, two: Selected) => boolean,
  ): () => void;
}

/** What a binding needs of a client to show its status. */
export interface Connected {
  readonly status: Status;
  on(name: "status", listener: (status: Status) => void): () => void;
}

/** What a binding can open and close. */
export interface Closable extends Stateful<unknown>, Connected {
  close(): void;
}

/** How a component comes to a client. */
export interface UseJuggler {
  /**
   * A client of the server at `addresses`, which lives as long as the component: it is closed with it. `null` until the
   * component is in a page, and so where pages are rendered on a server.
   *
   * @param options - as for {@link Juggler}; looked at when the client is made
   */
  <
    State = unknown,
    Requests extends Api<Requests> = AnyApi,
    Notifications extends object = Record<string, unknown>,
  >(
    addresses: Address | readonly Address[],
    options?: ClientOptions,
  ): Juggler<State, Requests, Notifications> | null;
  /** As above, of a client that `make` makes: one of another entry, such as `mirrorball/inline`. */
  <Made extends Closable>(make: () => Made): Made | null;
  /** This client itself. Whoever opened it closes it. */
  <Given extends Closable>(client: Given): Given;
}

/** What a component may say of the client that it wants. */
export type Source = Address | readonly Address[] | Closable | (() => Closable);

/** Whether `source` is a client that is there already. */
export function isClient(source: Source): source is Closable {
  return typeof source === "object" && "select" in source;
}

/** Makes the client that is wanted. */
export function make(source: Exclude<Source, Closable>, options?: ClientOptions): Closable {
  return typeof source === "function" ? source() : new Juggler(source, options);
}

/** The client that is wanted. One that is made for this is closed by what is handed to `onEnd`. */
export function open(
  source: Source,
  options: ClientOptions | undefined,
  onEnd: (close: () => void) => void,
): Closable | null {
  if (isClient(source)) return source;
  // A server that renders pages has no use for a connection.
  if (!("document" in globalThis)) return null;
  const client = make(source, options);
  onEnd(() => {
    client.close();
  });
  return client;
}

/** A part of a state: all of it, what is at a pointer, or what a function makes of it. */
export type Place = string | ((state: never) => unknown) | undefined;

/** How a part is read. */
export function selectorOf(place: Place): (state: unknown) => unknown {
  if (place === undefined) return (state) => state;
  if (typeof place === "function") return place as (state: unknown) => unknown;
  const pointer = new Pointer(place);
  return (state) => pointer.find(state);
}
