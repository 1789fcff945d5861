import { InvalidArgumentError } from "./errors.js";

/** Nothing comes out for what has no JSON form: a function, a symbol. */
const stringify: (data: unknown) => string | undefined = JSON.stringify;

/** Data as JSON; what is missing is `null`. */
export function encode(data: unknown): string {
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

/** An object as JSON; nothing where there is none. */
export function encodeMembers(ext: Readonly<Record<string, unknown>> | undefined): string {
  return ext === undefined ? "" : encode(ext);
}
