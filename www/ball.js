// @ts-check
/** The mirror ball in the page's corner: samples light its facets. While the mirror stands still, so does it. */
import { byId } from "./dom.js";

const SVG = "http://www.w3.org/2000/svg";
const BANDS = 5;
const COLUMNS = 6;
const RADIUS = 46;
const CENTRE = 50;
const GAP = 0.035; // radians between two facets
/** Coprime to the number of facets, so that the light jumps about and yet visits every one. */
const STRIDE = 11;
/** It twinkles at most this often, in milliseconds: a glint, not a strobe. */
const LEAST_INTERVAL = 400;

/** A point of the sphere seen from the front. @param {number} latitude @param {number} longitude radians */
const point = (latitude, longitude) => {
  const x = CENTRE + RADIUS * Math.cos(latitude) * Math.sin(longitude);
  const y = CENTRE - RADIUS * Math.sin(latitude);
  return `${x.toFixed(1)},${y.toFixed(1)}`;
};

export class Ball {
  /** @type {SVGPolygonElement[]} */
  #facets = [];
  #lit = 0;
  #turned = -Infinity;

  constructor() {
    const height = Math.PI / BANDS;
    const width = Math.PI / COLUMNS;
    for (let band = 0; band < BANDS; band += 1) {
      for (let column = 0; column < COLUMNS; column += 1) {
        const [top, bottom] = [Math.PI / 2 - band * height - GAP, Math.PI / 2 - (band + 1) * height + GAP];
        const [left, right] = [-Math.PI / 2 + column * width + GAP, -Math.PI / 2 + (column + 1) * width - GAP];
        const facet = document.createElementNS(SVG, "polygon");
        facet.setAttribute("points", [point(top, left), point(top, right), point(bottom, right), point(bottom, left)].join(" "));
        // Lit from the upper left, as a ball hung beside a window.
        const light = 0.5 + 0.5 * Math.sin((top + bottom) / 2) - 0.35 * Math.sin((left + right) / 2);
        facet.setAttribute("fill-opacity", Math.min(1, Math.max(0.18, light)).toFixed(2));
        this.#facets.push(facet);
      }
    }
    byId("ball", SVGSVGElement).append(...this.#facets);
  }

  turn() {
    if (performance.now() - this.#turned < LEAST_INTERVAL) return;
    this.#turned = performance.now();
    this.#facets[this.#lit].classList.remove("lit");
    this.#lit = (this.#lit + STRIDE) % this.#facets.length;
    this.#facets[this.#lit].classList.add("lit");
  }
}
