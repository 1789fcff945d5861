import { encode } from "./encode.js";
import { ClosedError, ConnectionLostError, type MirrorballError, RemoteError, TimeoutError } from "./errors.js";
import { refusal } from "./faults.js";
import { Told } from "./wasm/mirrorball.js";

/** How a request comes to an end without an answer. */
export type Failure = Told.Refused | Told.Lost | Told.TimedOut | Told.Closed;

/** Why there is no answer; `data` is what the server says where it refuses. */
export function failure(end: Failure, data: unknown): MirrorballError {
  switch (end) {
    case Told.Refused:
      return new RemoteError(refusal(data), data);
    case Told.Lost:
      return new ConnectionLostError("the connection was lost before the answer came", true);
    case Told.TimedOut:
      return new TimeoutError("there was no answer in time");
    case Told.Closed:
      return new ClosedError("the client was closed before the answer came");
  }
}

/** What a request asks, as members of a JSON object. */
export function ask(name: string, data: unknown, key: string | undefined): string {
  const members = [`"name":${JSON.stringify(name)}`, `"data":${encode(data)}`];
  if (key !== undefined) members.push(`"key":${JSON.stringify(key)}`);
  return members.join();
}
