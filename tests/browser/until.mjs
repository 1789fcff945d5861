// Waiting for what has to come true, within a bound.

import { setTimeout as sleep } from "node:timers/promises";

/** How long anything may take here, in milliseconds. Far more than it does: it is a bound, not a measure. */
export const PATIENCE = 30_000;
const STEP = 25;

/**
 * Asks `question` again and again until its answer is truthy, and returns that. `what` says what was
 * expected; where it does not come true in time, the error says so with the last answer.
 */
export async function until(what, question, patience = PATIENCE) {
  const end = Date.now() + patience;
  for (;;) {
    const answer = await question();
    if (answer) return answer;
    if (Date.now() > end) throw new Error(`expected within ${patience / 1000} s: ${what}; it is ${JSON.stringify(answer)}`);
    await sleep(STEP);
  }
}
