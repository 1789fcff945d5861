import { AbortError, type MirrorballError } from "./errors.js";

interface Request<Answer> {
  resolve(answer: Answer): void;
  reject(error: MirrorballError): void;
}

/** Requests without an answer, by their ids. */
export class Waiting<Answer> {
  readonly #requests = new Map<number, Request<Answer>>();

  /** Waits for the end of a request; `abandon` is called where `signal` is aborted before. */
  wait(id: number, signal: AbortSignal | undefined, abandon: () => void): Promise<Answer> {
    return new Promise<Answer>((resolve, reject) => {
      const aborted = (): void => {
        this.#requests.delete(id);
        abandon();
        reject(aborting(signal));
      };
      this.#requests.set(id, {
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

  /** The answer to one came. */
  resolve(id: number, answer: Answer): void {
    this.#take(id)?.resolve(answer);
  }

  /** One failed. */
  reject(id: number, error: MirrorballError): void {
    this.#take(id)?.reject(error);
  }

  /** All of them failed. */
  rejectAll(error: MirrorballError): void {
    const all = [...this.#requests.values()];
    this.#requests.clear();
    for (const request of all) request.reject(error);
  }

  #take(id: number): Request<Answer> | undefined {
    const request = this.#requests.get(id);
    this.#requests.delete(id);
    return request;
  }
}

export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw aborting(signal);
}

function aborting(signal: AbortSignal | undefined): AbortError {
  return new AbortError("the request was aborted", { cause: signal?.reason });
}
