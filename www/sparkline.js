// @ts-check
/** How many samples fit: the longest history the server keeps. */
const SLOTS = 120;
const SVG = "http://www.w3.org/2000/svg";

/**
 * A line and the area beneath it, drawn in an `<svg>` from old at the left to new at the right edge.
 * The view box is stretched to the element and strokes do not scale: it is sharp at every size and
 * density, and resizing needs no redraw. Colours are the style sheet's.
 */
export class Sparkline {
  #area = document.createElementNS(SVG, "path");
  #line = document.createElementNS(SVG, "path");
  #baseline;
  #peak;

  /**
   * @param {SVGSVGElement} svg
   * @param {{ name?: string, baseline?: number, peak?: number }} [options] a class name, and where zero and
   *   the maximum are, in percent from the top: two lines mirrored at the middle share one drawing
   */
  constructor(svg, { name = "", baseline = 100, peak = 0 } = {}) {
    this.#baseline = baseline;
    this.#peak = peak;
    svg.setAttribute("viewBox", `0 0 ${SLOTS - 1} 100`);
    svg.setAttribute("preserveAspectRatio", "none");
    this.#area.setAttribute("class", `area ${name}`);
    this.#line.setAttribute("class", `line ${name}`);
    svg.append(this.#area, this.#line);
  }

  /** @param {readonly number[]} values oldest first @param {number} max the value at the peak */
  draw(values, max) {
    const shown = values.slice(-SLOTS);
    const start = SLOTS - shown.length;
    const span = this.#peak - this.#baseline;
    const points = shown.map((value, index) => {
      const share = max > 0 ? Math.min(1, Math.max(0, value / max)) : 0;
      return `${start + index} ${(this.#baseline + span * share).toFixed(1)}`;
    });
    const line = points.length > 1 ? `M${points.join("L")}` : "";
    this.#line.setAttribute("d", line);
    this.#area.setAttribute("d", line && `${line}V${this.#baseline}H${start}Z`);
  }
}
