// When two JSON values are equal, whoever wrote them down.

import { createHash } from "node:crypto";

/**
 * One text for all JSON texts of one value: keys in the order of their code units, each number as JS writes
 * the float that it is. So 1 is 1.0, and 0 is -0.
 */
export function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const keys = Object.keys(value).sort();
  return `{${keys.map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`).join()}}`;
}

/** The digest of that text. */
export const digest = (value) => createHash("sha256").update(canonical(value)).digest("hex");
