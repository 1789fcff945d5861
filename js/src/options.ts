import { InvalidArgumentError } from "./errors.js";

/** Where a core looks for each option, and what it is. */
export type Kinds = Readonly<Record<string, readonly [place: number, kind: "boolean" | "number"]>>;

/** Options as `size` numbers, at the places that `kinds` says; `NaN` where the default is meant. */
export function encodeOptions(options: object, kinds: Kinds, size: number): Float64Array {
  const values = new Float64Array(size).fill(NaN);
  for (const [name, value] of Object.entries(options) as [string, unknown][]) {
    if (value === undefined) continue;
    const [place, kind] = (Object.hasOwn(kinds, name) ? kinds[name] : undefined) ?? [];
    if (place === undefined) throw new InvalidArgumentError(`there is no option "${name}"`);
    if (kind === "boolean") {
      if (typeof value !== "boolean") {
        throw new InvalidArgumentError(`the option "${name}" has to be true or false`);
      }
      values[place] = Number(value);
    } else {
      if (typeof value !== "number" || !(value >= 0)) {
        throw new InvalidArgumentError(`the option "${name}" has to be a number that is not negative`);
      }
      values[place] = value;
    }
  }
  return values;
}
