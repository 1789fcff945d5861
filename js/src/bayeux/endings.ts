import type { MirrorballError } from "../errors.js";
import { End } from "../wasm/bayeux.js";
import { ClientError, ServerError, TransportError } from "./errors.js";
import type { BayeuxMessage } from "./types.js";

/**
 * Why there is no further attempt. `fault` is what ended the last one, where the network did; `refusal` is what the server
 * refused last.
 */
export function ending(end: End, fault: number | undefined, refusal: BayeuxMessage | null): MirrorballError {
  switch (end) {
    case End.NoTransport:
      return new ClientError("None of the connection types offered by the server are supported.");
    case End.GivenUp:
      return fault === undefined || Number.isNaN(fault)
        ? new ServerError("no connection could be made.", refusal)
        : new TransportError(`no connection could be made (${String(fault)})`);
    case End.Advice:
    case End.Disconnected:
      return new ServerError("Connection closed by the server", refusal);
  }
}
