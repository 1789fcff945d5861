// What the rules ask of the JS engine, each in one call: a call out of wasm costs as much as the work itself.
// Nothing is decided here. `engine.rs` binds this, and the build makes it a part of the module's glue.

const NOTHING = -1;
const SCALAR = 0;
const OBJECT = 1;
/** From here on it is a text of so many units; as many below `NOTHING`, an array of so many items. */
const TEXT = 2;

/** Has `take` called with each message of a socket, and its length and first unit, in the lowest 16 bits; or nothing where it is no text. */
export function receive(socket, take) {
  socket.onmessage = ({ data }) => {
    take(data, typeof data === "string" ? data.length * 65536 + (data.charCodeAt(0) || 0) : NOTHING);
  };
}

/** What a value is, and how long. */
export function codeOf(value) {
  switch (typeof value) {
    case "object":
      return value === null ? SCALAR : Array.isArray(value) ? NOTHING - 1 - value.length : OBJECT;
    case "string":
      return TEXT + value.length;
    case "undefined":
      return NOTHING;
    default:
      return SCALAR;
  }
}

/** The value that a JSON text stands for, without its first so many units; none where it is not JSON. */
export function parse(text, skip) {
  try {
    return JSON.parse(text.slice(skip));
  } catch {
    return undefined;
  }
}

/** Calls a function that catches what its listeners throw; what it throws itself is nobody's to catch. */
export function tell(told, kind, one, two) {
  try {
    told(kind, one, two);
  } catch {
    // A client goes on whatever its page does.
  }
}

/** The member whose name is at a place of `names`. */
export const memberAt = (object, names, at) => object?.[names[at]];
/** The one that comes most often, read as the engine reads best. */
export const memberDiff = (object) => object?.diff;

const numberOf = (value) => (typeof value === "number" ? value : NaN);
export const numberId = (object) => numberOf(object?.id);
export const numberVersion = (object) => numberOf(object?.version);

/** Which of `words` is the `type` of `object`. */
export const typeAmong = (object, words) => words.indexOf(object?.type);

/** What was split last: behind the first item are the tokens of a pointer. */
let tokens;

const unescape = (token) => token.replaceAll("~1", "/").replaceAll("~0", "~");

/** Splits a pointer into its tokens; returns how many there are. */
export function split(text) {
  if (typeof text !== "string") return NOTHING;
  const parts = text.split("/");
  if (parts[0] !== "") return NOTHING;
  tokens = text.includes("~") ? parts.map(unescape) : parts;
  return parts.length - 1;
}
export const splitTokens = () => tokens;

/** The value of the operation that was read last. */
let operand;

/**
 * Reads an operation and splits its path. Returns the place of its `op` among `words`, eight times 1 for a value that
 * is short and holds no other or 2 for any other value, and 32 times one more than what `split` returned.
 */
export function readOperation(list, index, words) {
  const operation = list[index];
  const op = words.indexOf(operation?.op);
  if (op < 0) return NOTHING;
  operand = operation.value;
  const kind = operand === undefined ? 0 : operand === null || (typeof operand !== "object" && typeof operand !== "string") ? 1 : 2;
  return op + 8 * kind + 32 * (split(operation.path) + 1);
}
export const readOperand = () => operand;

/** The index that a token is, as RFC 6901 writes it. */
export function indexOf(list, at) {
  const index = Number(list[at]);
  return index >= 0 && index < 2 ** 32 - 1 && String(index) === list[at] ? index : NOTHING;
}

/** The own member whose name is at a place of `list`. */
export function ownMember(object, list, at) {
  const key = list[at];
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

/** Whether both are the same JSON. */
export function equal(one, two) {
  if (typeof one !== "object" || typeof two !== "object" || one === null || two === null) return one === two;
  if (Array.isArray(one) !== Array.isArray(two)) return false;
  const keys = Object.keys(one);
  return keys.length === Object.keys(two).length && keys.every((key) => Object.hasOwn(two, key) && equal(one[key], two[key]));
}

let nodes;
let bytes;

/** The depth of a value, or that it is larger than this. */
export function measure(value, depth, mostNodes, mostBytes) {
  nodes = mostNodes;
  bytes = mostBytes;
  return weigh(value, depth);
}
export const nodesLeft = () => nodes;
export const bytesLeft = () => bytes;

function weigh(value, depth) {
  if (--nodes < 0) return NOTHING;
  if (typeof value !== "object" || value === null) {
    bytes -= typeof value === "string" ? value.length + 2 : 5;
    return bytes < 0 ? NOTHING : 0;
  }
  // An empty container is a level, too.
  if (depth < 1) return NOTHING;
  let deepest = 0;
  const keys = Array.isArray(value) ? undefined : Object.keys(value);
  const count = (keys ?? value).length;
  bytes -= 2;
  for (let at = 0; at < count; at += 1) {
    bytes -= keys ? keys[at].length + 4 : 1;
    const below = weigh(value[keys ? keys[at] : at], depth - 1);
    if (below < 0) return NOTHING;
    if (below > deepest) deepest = below;
  }
  return bytes < 0 ? NOTHING : deepest + 1;
}

/** What an editor finds besides: an array, and what is added for a container that only the mirror holds. */
const ARRAY = 2;
const OWN = 4;

function define(object, key, value) {
  if (key === "__proto__") {
    // An assignment would set the prototype.
    Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true });
  } else {
    object[key] = value;
  }
}
const erase = (object, key) => delete object[key];
const insert = (array, index, item) => array.splice(index, 0, item);
const cut = (array, index) => array.splice(index, 1)[0];

/** A place in a mirror, which of the mirror's containers nobody else holds, and how to undo what was done to them. */
export class Editor {
  // Weak: what a patch took out of the mirror is not held on to.
  #own = new WeakSet();
  /** Holds the root. */
  #top = [];
  #parent;
  #key;
  /** The container that the place is in, or is. */
  #node;
  /** Functions, each with its three arguments; not there where nothing is to be undone. */
  #log;

  /** Goes to `root`, which becomes the root; returns what it is. */
  open(root) {
    this.#top = [root];
    this.#node = this.#top;
    return this.element(0);
  }

  /** Goes to the root. */
  reopen() {
    this.#node = this.#top[0];
  }

  /**
   * Goes on from here, or from the root, by the keys from `at` to before `end`, as far as they lead through the
   * mirror's own containers. Returns twice the place in the list where that ends, and one more in an array.
   */
  walk(isTop, list, at, end) {
    let node = isTop ? this.#top[0] : this.#node;
    for (; at < end; at += 1) {
      // What is the mirror's own is surely no member that every object inherits.
      const child = node[list[at]];
      if (!this.#own.has(child)) break;
      node = child;
    }
    this.#node = node;
    return 2 * at + Number(Array.isArray(node));
  }

  /** Goes to an own member; returns what it is. */
  member(list, at) {
    const key = list[at];
    return Object.hasOwn(this.#node, key) ? this.#enter(key, this.#node[key]) : NOTHING;
  }

  /** Goes to an item; returns what it is. */
  element(index) {
    return this.#enter(index, this.#node[index]);
  }

  #enter(key, child) {
    if (typeof child !== "object" || child === null) return child === undefined ? NOTHING : SCALAR;
    this.#parent = this.#node;
    this.#key = key;
    this.#node = child;
    return (Array.isArray(child) ? ARRAY : OBJECT) + (this.#own.has(child) ? OWN : 0);
  }

  /** Puts a copy into the place of the container here, and goes to it. */
  copy() {
    const copy = Array.isArray(this.#node) ? this.#node.slice() : { ...this.#node };
    this.#own.add(copy);
    this.#node = copy;
    // An own member is there already: putting one into its place does not reach a setter.
    this.#parent[this.#key] = copy;
  }

  /** The container here. */
  node() {
    return this.#node;
  }

  /** Forgets which containers nobody else holds: somebody does. */
  release() {
    this.#own = new WeakSet();
  }

  /** From now on, what is done is logged, or not. */
  log(on) {
    this.#log = on ? [] : undefined;
  }

  /** Undoes what was logged. */
  undo() {
    const log = this.#log ?? [];
    for (let at = log.length - 4; at >= 0; at -= 4) log[at](log[at + 1], log[at + 2], log[at + 3]);
    this.log(false);
  }

  length() {
    return this.#node.length;
  }

  set(list, at, value) {
    const key = list[at];
    if (!this.replace(list, at, value)) {
      this.#log?.push(erase, this.#node, key, undefined);
      define(this.#node, key, value);
    }
  }

  replace(list, at, value) {
    const node = this.#node;
    const key = list[at];
    if (!Object.hasOwn(node, key)) return false;
    this.#log?.push(define, node, key, node[key]);
    node[key] = value;
    return true;
  }

  replaceElement(index, value) {
    const node = this.#node;
    if (index >= node.length) return false;
    this.#log?.push(define, node, index, node[index]);
    node[index] = value;
    return true;
  }

  insert(index, value) {
    this.#log?.push(cut, this.#node, index, undefined);
    insert(this.#node, index, value);
  }

  /** Takes a member away and returns it. */
  remove(list, at) {
    const old = ownMember(this.#node, list, at);
    if (old === undefined) return old;
    this.#log?.push(define, this.#node, list[at], old);
    erase(this.#node, list[at]);
    return old;
  }

  /** Takes an item away and returns it. */
  removeElement(index) {
    if (index >= this.#node.length) return undefined;
    const old = cut(this.#node, index);
    this.#log?.push(insert, this.#node, index, old);
    return old;
  }
}
