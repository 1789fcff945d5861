// @ts-check
/**
 * The few things the page does to the DOM. Data reaches it as text nodes, numbers and custom properties only:
 * a process may name itself `<script>`.
 */

/**
 * The element with that id, of the class the caller relies on.
 * @template {Element} [T=HTMLElement]
 * @param {string} id
 * @param {new () => T} [type]
 * @returns {T}
 */
export function byId(id, type) {
  const element = document.getElementById(id);
  if (!(element instanceof (type ?? HTMLElement))) throw new Error(`index.html has no element #${id} of the expected kind`);
  return /** @type {T} */ (/** @type {Element} */ (element));
}

/** Control characters, and those that reverse the text around them: `exe.jpg` may be `gpj.exe` in truth. */
const DECEPTIVE = /(?!\n)[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu;

/** @param {string} value */
const honest = (value) => value.replace(DECEPTIVE, "\ufffd");

/** Sets the text of an element without children, if it differs. @param {Element} element @param {string} value */
export function setText(element, value) {
  const node = element.firstChild;
  const text = honest(value);
  if (!(node instanceof Text)) element.textContent = text;
  else if (node.data !== text) node.data = text;
}

/** Sets an attribute, if it differs. @param {Element} element @param {string} name @param {string} value */
export function setAttribute(element, name, value) {
  const text = honest(value);
  if (element.getAttribute(name) !== text) element.setAttribute(name, text);
}

/** Sets a number that the style sheet computes with, if it differs. @param {HTMLElement} element @param {string} name @param {number} value */
export function setNumber(element, name, value) {
  const text = String(Number.isFinite(value) ? Math.round(value * 1000) / 1000 : 0);
  if (element.style.getPropertyValue(name) !== text) element.style.setProperty(name, text);
}

/** Fills a bar. @param {HTMLElement} element @param {number} share 0 to 1 */
export const setShare = (element, share) => setNumber(element, "--share", Math.min(1, Math.max(0, share)));

/**
 * A copy of a template's only element, and a way to find its parts, which are marked `data-part`.
 * @param {string} id
 */
export function fromTemplate(id) {
  const content = byId(id, HTMLTemplateElement).content.firstElementChild;
  const element = /** @type {HTMLElement} */ (document.importNode(/** @type {Element} */ (content), true));
  /** @param {string} name */
  const part = (name) => {
    const found = element.querySelector(`[data-part="${name}"]`);
    if (!found) throw new Error(`the template #${id} has no part "${name}"`);
    return /** @type {HTMLElement} */ (found);
  };
  return { element, part };
}

/**
 * One part of the page and the part of the state it shows. The mirror keeps what did not change `===`,
 * so that comparing two references tells whether there is anything to do.
 * @template S, V
 */
export class View {
  #select;
  #draw;
  /** @type {V | undefined} */
  #last;

  /** @param {(state: S) => V} select @param {(value: V, state: S) => void} draw */
  constructor(select, draw) {
    this.#select = select;
    this.#draw = draw;
  }

  /** @param {S} state */
  update(state) {
    const value = this.#select(state);
    if (value === this.#last) return;
    this.#last = value;
    this.#draw(value, state);
  }
}

/**
 * A list of elements, one for each key: kept, moved, made and removed as keys come and go, and
 * redrawn only when the value of their key is another one.
 * @template K, V
 */
export class Rows {
  #parent;
  #create;
  /** @type {Map<K, { element: Element, draw: (value: V) => void, value?: V }>} */
  #rows = new Map();

  /** @param {Element} parent @param {(key: K) => { element: Element, draw: (value: V) => void }} create */
  constructor(parent, create) {
    this.#parent = parent;
    this.#create = create;
  }

  /** @param {Iterable<readonly [K, V]>} entries in display order */
  update(entries) {
    const wanted = new Map(entries);
    for (const [key, { element }] of this.#rows) {
      if (wanted.has(key)) continue;
      element.remove();
      this.#rows.delete(key);
    }
    let next = this.#parent.firstElementChild;
    for (const [key, value] of wanted) {
      let row = this.#rows.get(key);
      if (!row) this.#rows.set(key, (row = { ...this.#create(key) }));
      if (row.value !== value) row.draw((row.value = value));
      if (row.element === next) next = next.nextElementSibling;
      else this.#parent.insertBefore(row.element, next);
    }
  }
}
