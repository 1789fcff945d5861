// What the core says, as errors.

import {
  ClosedError,
  ConnectionLostError,
  LimitError,
  MirrorballError,
  ProtocolError,
} from "./errors.js";
import { Figure, type JugglerCore, Unsent } from "./wasm/mirrorball.js";

/** Why the core did not send a request, in place of an id. */
const UNSENT: { readonly disconnected: number; readonly full: number } = {
  disconnected: Unsent.Disconnected,
  full: Unsent.Full,
};

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
  if (reason === UNSENT.disconnected) {
    return new ConnectionLostError("there is no connection: the request was not sent", false);
  }
  return reason === UNSENT.full
    ? new LimitError("too many requests are without an answer: wait for one of them")
    : new ClosedError("the client is closed or has given up");
}

/** What ended the last connection or attempt. */
export function lastError(core: JugglerCore, before: MirrorballError | null): MirrorballError | null {
  const faultCode = core.figure(Figure.FaultCode);
  if (Number.isNaN(faultCode)) return before;
  const { faultText } = core;
  const message = faultText ? faultText : `the connection was lost (close code ${String(faultCode)})`;
  // The same object as long as it says the same.
  if (before?.message === message) return before;
  const protocol = faultCode === 4003 || (faultCode >= 1002 && faultCode <= 1009 && faultText);
  return protocol ? new ProtocolError(message) : new ConnectionLostError(message, true);
}

/** What is thrown as one of this package's errors. */
export function asError(error: unknown): MirrorballError {
  return error instanceof MirrorballError
    ? error
    : new MirrorballError("wasm-load", "the client could not be started", { cause: error });
}
