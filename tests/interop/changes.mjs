// Random changes of one JSON value, the same for the same seed.

/**
 * Names that hurt: escapes of pointers, array indices, what JS objects inherit, characters outside of the
 * basic plane. `__proto__` is left out: `@hat-open/juggler` loses it, or sets the prototype.
 */
const KEYS = ["", "/", "~", "~0", "~1", "~01", "a/b", "0", "1", "01", "-", "1e0", "constructor", "toString", "length", "😀", "é", "\u{10ffff}", '"', "\\", "\n", " ", "a"];

const NUMBERS = [0, 1, -1, 1.5, -0.1, 1e300, 5e-324, 1e21, 123456789.25, 2 ** 53, -(2 ** 53), 4294967295];
const MAX_DEPTH = 4;
const MAX_ITEMS = 24;

/** SplitMix32: numbers from 0 up to, and without, 1. */
function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
  };
}

const escape = (key) => String(key).replaceAll("~", "~0").replaceAll("/", "~1");
const isContainer = (value) => typeof value === "object" && value !== null;

/** A value, and what is done to it. */
export class Changes {
  /** The value with all changes so far. */
  value = { list: [], object: {} };
  #random;

  constructor(seed) {
    this.#random = random(seed);
  }

  /** Makes a change, and says what it was: `path`, a JSON pointer, and its new `value`; without one it is gone. */
  next() {
    // Later changes are none of its business.
    return structuredClone(this.#change());
  }

  #change() {
    const { place, path } = this.#choose();
    const key = this.#key(place);
    const change = { path: `${path}/${escape(key)}` };
    if (Array.isArray(place)) {
      // Whole arrays, so that items also move.
      if (path !== "" && this.#below(3) === 0) return this.#rearrange(place, path);
      if (key < place.length && this.#below(4) === 0) {
        place.splice(key, 1);
        return change;
      }
    } else if (Object.hasOwn(place, key) && this.#below(3) === 0 && path !== "") {
      delete place[key];
      return change;
    }
    change.value = place[key] = this.#value(MAX_DEPTH - path.split("/").length);
    return change;
  }

  #below(bound) {
    return Math.floor(this.#random() * bound);
  }

  #pick(choice) {
    return choice[this.#below(choice.length)];
  }

  /** A container anywhere in the value, and where it is. */
  #choose() {
    let [place, path] = [this.value, ""];
    for (;;) {
      const inner = Object.keys(place).filter((key) => isContainer(place[key]));
      if (inner.length === 0 || (path !== "" && this.#below(3) === 0)) return { place, path };
      const key = this.#pick(inner);
      [place, path] = [place[key], `${path}/${escape(key)}`];
    }
  }

  #key(place) {
    if (Array.isArray(place)) return this.#below(Math.min(place.length + 1, MAX_ITEMS));
    const keys = Object.keys(place);
    if (keys.length > 0 && (keys.length >= MAX_ITEMS || this.#below(2) === 0)) return this.#pick(keys);
    return this.#below(4) === 0 ? `k${this.#below(20)}` : this.#pick(KEYS);
  }

  #rearrange(array, path) {
    const [from, to] = [this.#below(array.length), this.#below(array.length)];
    switch (this.#below(4)) {
      case 0:
        array.splice(to, 0, ...array.splice(from, 1));
        break;
      case 1:
        if (array.length < MAX_ITEMS) array.splice(to, 0, this.#value(1));
        break;
      case 2:
        array.reverse();
        break;
      default:
        // As a log does.
        array.shift();
        array.push(this.#value(1));
    }
    return { path, value: array };
  }

  #value(depth) {
    const kind = this.#below(depth > 0 ? 8 : 5);
    const some = () => Array.from({ length: this.#below(9) });
    switch (kind) {
      case 0:
        return this.#pick([null, true, false]);
      case 1:
        return this.#pick(NUMBERS);
      case 2:
        return this.#below(200) - 100;
      case 3:
      case 4:
        return some().map(() => this.#pick(KEYS)).join("");
      case 5:
        return some().map(() => this.#value(depth - 1));
      default:
        return Object.fromEntries(some().map(() => [this.#pick(KEYS), this.#value(depth - 1)]));
    }
  }
}
