// What the core says, as errors.

import {
  ClosedError,
  ConnectionLostError,
  InternalError,
  LimitError,
  type MirrorballError,
  ProtocolError,
  UnauthorizedError,
} from "./errors.js";
import { Figure, type JugglerCore, Unsent } from "./wasm/mirrorball.js";

/** Why the core did not send a request, by what it returned in place of an id. */
const UNSENT: Readonly<Record<number, () => MirrorballError>> = {
  [Unsent.Disconnected]: () =>
    new ConnectionLostError("there is no connection: the request was not sent", false),
  [Unsent.Closed]: () => new ClosedError("the client is closed or has given up"),
  [Unsent.Full]: () => new LimitError("too many requests are without an answer: wait for one of them"),
} satisfies Record<Unsent, () => MirrorballError>;

/** The close codes by which servers say who may not connect, as IANA lists them. */
const UNAUTHORIZED: readonly number[] = [3000, 3003];

/** What the server says, where it says it in words. */
export function refusal(data: unknown): string {
  if (typeof data === "string") return data;
  if (typeof data === "object" && data !== null && "message" in data) {
    const { message } = data;
    if (typeof message === "string") return message;
  }
  return "the server refused the request";
}

/** Why a request was not sent. */
export function unsent(reason: number): MirrorballError {
  return UNSENT[reason]?.() ?? new InternalError(`a request was not sent: ${String(reason)}`);
}

/** What ended the last connection or attempt. */
export function lastError(core: JugglerCore, before: MirrorballError | null): MirrorballError | null {
  const faultCode = core.figure(Figure.FaultCode);
  if (Number.isNaN(faultCode)) return before;
  const { faultText } = core;
  const message = faultText ? faultText : `the connection was lost (close code ${String(faultCode)})`;
  // The same object as long as it says the same.
  if (before?.message === message) return before;
  if (UNAUTHORIZED.includes(faultCode)) return new UnauthorizedError(message);
  const protocol = faultCode === 4003 || (faultCode >= 1002 && faultCode <= 1009 && faultText);
  return protocol ? new ProtocolError(message) : new ConnectionLostError(message, true);
}
