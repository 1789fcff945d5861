import { InvalidArgumentError } from "./errors.js";

/** A JSON pointer (RFC 6901), to read with. */
export class Pointer {
  readonly #tokens: readonly string[];

  constructor(text: string) {
    if (text !== "" && !text.startsWith("/")) {
      throw new InvalidArgumentError(`"${text}" is no JSON pointer: it is empty or begins with a slash`);
    }
    this.#tokens = text
      .split("/")
      .slice(1)
      .map((token) => token.replaceAll("~1", "/").replaceAll("~0", "~"));
  }

  /** What is there in `value`; `undefined` where nothing is. */
  find(value: unknown): unknown {
    let place = value;
    for (const token of this.#tokens) {
      // A key is data: one that is inherited names nothing.
      if (typeof place !== "object" || place === null || !Object.hasOwn(place, token)) return undefined;
      place = (place as Record<string, unknown>)[token];
    }
    return place;
  }
}
