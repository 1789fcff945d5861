// Peers in processes of their own.

import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { Program } from "../browser/program.mjs";
import { FIXTURE, PYTHON } from "../interop/process.mjs";

const READY = /^ready at (\S+)/;

const beside = (script) => fileURLToPath(new URL(script, import.meta.url));

/** Starts a script of this folder, for Node or Python, and waits for it to be ready. */
export function startScript(script, options) {
  const [command, ...flags] = script.endsWith(".py") ? [PYTHON, "-u"] : [process.execPath];
  return Program.start(command, [...flags, beside(script), JSON.stringify(options)], READY);
}

/** Starts our server. */
export const startOurs = (plan) => Program.start(FIXTURE, ["server"], /^server listening on (\S+)/, JSON.stringify(plan));

/** Starts our native client, and waits for it to be connected. */
export const startNative = (options) => Program.start(join(dirname(FIXTURE), "subscriber"), [JSON.stringify(options)], READY);
