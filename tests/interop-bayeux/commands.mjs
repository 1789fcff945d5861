// The side of a peer that is a script for Node: one JSON object a line in, one a line out.

import { createInterface } from "node:readline";

/** What the script was started with. */
export const options = JSON.parse(process.argv[2]);

// A library that prints would be taken for one that answers.
console.log = console.info = console.debug = () => undefined;

const say = (line) => process.stdout.write(`${line}\n`);

/** Says that it is ready, and has `commands` carry out what is asked of it. A refusal is thrown, as a text. */
export function serve(address, commands) {
  say(`ready at ${address}`);
  const lines = createInterface(process.stdin);
  lines.on("line", async (line) => {
    const { id, do: what, ...command } = JSON.parse(line);
    try {
      say(JSON.stringify({ id, done: (await commands[what](command)) ?? null }));
    } catch (error) {
      say(JSON.stringify({ id, refused: error instanceof Error ? error.message : error }));
    }
  });
  lines.on("close", () => process.exit());
}
