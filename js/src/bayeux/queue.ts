/** How much more than it asks for a queue takes. */
const EXCESS = 10;

/** What {@link Queue} tells its owner. */
export interface QueueOwner {
  /** It is full, or is not any more. */
  readonly full: (isFull: boolean) => void;
  /** An item was dropped: there was no room. */
  readonly dropped: () => void;
}

/** Items that wait to be taken, within a bound. */
export class Queue<Item> {
  readonly #capacity: number;
  readonly #owner: QueueOwner;
  readonly #items: Item[] = [];
  #isFull = false;

  constructor(capacity: number, owner: QueueOwner) {
    this.#capacity = capacity;
    this.#owner = owner;
  }

  get length(): number {
    return this.#items.length;
  }

  put(item: Item): void {
    if (this.#items.length >= this.#capacity * EXCESS) {
      this.#items.shift();
      this.#owner.dropped();
    }
    this.#items.push(item);
    this.#look();
  }

  take(): Item | undefined {
    const item = this.#items.shift();
    this.#look();
    return item;
  }

  clear(): void {
    this.#items.length = 0;
    this.#look();
  }

  #look(): void {
    const isFull = this.#items.length >= this.#capacity;
    if (isFull === this.#isFull) return;
    this.#isFull = isFull;
    this.#owner.full(isFull);
  }
}
