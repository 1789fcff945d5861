import { InvalidArgumentError, LimitError, type MirrorballError } from "./errors.js";

/** What may wait for a reader that does not say otherwise. */
const MAX_WAITING = 1_024;

interface Asked<Item> {
  resolve(result: IteratorResult<Item, undefined>): void;
  reject(error: MirrorballError): void;
}

/** What comes one after another, for `for await`. It waits until it is read, up to a bound. */
export class Reader<Item> implements AsyncIterableIterator<Item, undefined> {
  readonly #maxWaiting: number;
  readonly #items: Item[] = [];
  readonly #asked: Asked<Item>[] = [];
  readonly #over = new AbortController();
  #error: MirrorballError | undefined;

  constructor(maxWaiting = MAX_WAITING) {
    if (!(maxWaiting >= 1)) {
      throw new InvalidArgumentError(`the option "maxWaiting" has to be a number from 1 on`);
    }
    this.#maxWaiting = maxWaiting;
  }

  /** Aborted when nothing more can come. */
  get over(): AbortSignal {
    return this.#over.signal;
  }

  /** Hands over one more. Where there is no room for it, the reader ends with an error, behind what waits. */
  push(item: Item): void {
    const asked = this.#asked.shift();
    if (asked) asked.resolve({ value: item, done: false });
    else if (this.#items.length < this.#maxWaiting) this.#items.push(item);
    else {
      const waiting = String(this.#maxWaiting);
      this.end(new LimitError(`${waiting} items wait to be read: read faster, or allow more of them`));
    }
  }

  /** Nothing more comes; `error` says why, where that is one. */
  end(error?: MirrorballError): void {
    if (this.#over.signal.aborted) return;
    this.#error = error;
    this.#over.abort();
    for (const asked of this.#asked.splice(0)) this.#finish(asked);
  }

  next(): Promise<IteratorResult<Item, undefined>> {
    return new Promise((resolve, reject) => {
      if (this.#items.length > 0) resolve({ value: this.#items.shift() as Item, done: false });
      else if (this.#over.signal.aborted) this.#finish({ resolve, reject });
      else this.#asked.push({ resolve, reject });
    });
  }

  return(): Promise<IteratorReturnResult<undefined>> {
    this.#items.length = 0;
    this.end();
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** The error once, and then that it is done. */
  #finish(asked: Asked<Item>): void {
    const error = this.#error;
    this.#error = undefined;
    if (error) asked.reject(error);
    else asked.resolve({ value: undefined, done: true });
  }
}
