import {
  AbortError,
  ClosedError,
  ConnectionLostError,
  InvalidArgumentError,
  type MirrorballError,
  RemoteError,
  TimeoutError,
} from "./errors.js";
import { refusal } from "./faults.js";
import { Told } from "./wasm/mirrorball.js";

interface Request {
  resolve(data: unknown): void;
  reject(error: MirrorballError): void;
}

/** How a request comes to an end. */
type End = Told.Done | Told.Refused | Told.Lost | Told.TimedOut | Told.Closed;

/** The requests without an answer, by their ids. */
export class Requests {
  readonly #waiting = new Map<number, Request>();

  /** Waits for the end of a request; `abandon` is called where `signal` is aborted before. */
  wait(id: number, signal: AbortSignal | undefined, abandon: () => void): Promise<unknown> {
    return new Promise<unknown>((resolve, reject) => {
      const aborted = (): void => {
        this.#waiting.delete(id);
        abandon();
        reject(aborting(signal));
      };
      this.#waiting.set(id, {
        resolve: (answer) => {
          signal?.removeEventListener("abort", aborted);
          resolve(answer);
        },
        reject: (error) => {
          signal?.removeEventListener("abort", aborted);
          reject(error);
        },
      });
      signal?.addEventListener("abort", aborted, { once: true });
    });
  }

  /** Ends one, as the core says. */
  end(id: number, end: End, data: unknown): void {
    const request = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (end === Told.Done) request?.resolve(data);
    else request?.reject(failure(end, data));
  }

  /** Ends all of them. */
  endAll(error: MirrorballError): void {
    for (const request of this.#waiting.values()) request.reject(error);
    this.#waiting.clear();
  }
}

function failure(end: Exclude<End, Told.Done>, data: unknown): MirrorballError {
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

export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw aborting(signal);
}

function aborting(signal: AbortSignal | undefined): AbortError {
  return new AbortError("the request was aborted", { cause: signal?.reason });
}

/** Nothing comes out for what has no JSON form: a function, a symbol. */
const stringify: (data: unknown) => string | undefined = JSON.stringify;

function encode(data: unknown): string {
  let text: string | undefined;
  try {
    text = stringify(data === undefined ? null : data);
  } catch (cause) {
    throw new InvalidArgumentError(`the data is nothing that JSON can hold: ${String(cause)}`, { cause });
  }
  if (text === undefined) {
    throw new InvalidArgumentError(`a ${typeof data} is nothing that JSON can hold`);
  }
  return text;
}
