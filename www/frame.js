// @ts-check
/**
 * Redraws at most once per animation frame, however many changes arrive in between. Browsers hold
 * animation frames back while the page is hidden, and so nothing is drawn then: the first frame
 * after it is shown again draws the newest state.
 */
export class Frame {
  #draw;
  #requested = false;

  /** @param {() => void} draw */
  constructor(draw) {
    this.#draw = draw;
  }

  request() {
    if (this.#requested) return;
    this.#requested = true;
    requestAnimationFrame(() => {
      this.#requested = false;
      this.#draw();
    });
  }
}
