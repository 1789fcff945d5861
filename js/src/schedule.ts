import { InvalidArgumentError } from "./errors.js";

/**
 * When a listener of the state is called:
 *
 * - `message`: at once, for each message that changed what it listens to;
 * - `frame`: before the page is painted next, once for all that changed by then. A page that is hidden is not painted:
 *   there it is called when the page is shown again. Where nothing is painted at all, it is called 16 ms later.
 */
export type Schedule = "frame" | "message";

/** How long a frame lasts where nothing is painted, in milliseconds. */
const FRAME = 16;

/** Calls of `run` as `schedule` says; `isOver` says that there are to be no more. */
export function scheduled(run: () => void, schedule: Schedule, isOver: () => boolean): () => void {
  switch (schedule) {
    case "message":
      return run;
    case "frame":
      return inFrames(() => {
        if (!isOver()) run();
      });
    default:
      throw new InvalidArgumentError(
        `the option "schedule" has to be "message" or "frame", not "${String(schedule)}"`,
      );
  }
}

function inFrames(run: () => void): () => void {
  let isPending = false;
  const frame = (): void => {
    isPending = false;
    run();
  };
  return () => {
    if (isPending) return;
    isPending = true;
    if (typeof requestAnimationFrame === "function") requestAnimationFrame(frame);
    else setTimeout(frame, FRAME);
  };
}
