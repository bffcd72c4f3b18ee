const INITIAL_SLOTS = 1024;
const FULL_AT = 0.6;

/**
 * Counts how often each key was added, in flat arrays: a million recipients cost about 20 MB and no garbage collection,
 * and "how many came more than once" is known at any moment without a pass over the ledger.
 */
export class CountingSet {
  distinct = 0;
  repeated = 0;
  private keys = new Float64Array(INITIAL_SLOTS);
  private counts = new Uint8Array(INITIAL_SLOTS);

  /** @param key any finite number but 0 */
  add(key: number): void {
    if (this.distinct >= this.keys.length * FULL_AT) {
      this.grow();
    }
    const slot = this.slotOf(key);
    const count = this.counts[slot] as number;
    if (count === 0) {
      this.keys[slot] = key;
      this.distinct++;
    } else if (count === 1) {
      this.repeated++;
    }
    this.counts[slot] = Math.min(255, count + 1);
  }

  clear(): void {
    this.distinct = 0;
    this.repeated = 0;
    this.keys = new Float64Array(INITIAL_SLOTS);
    this.counts = new Uint8Array(INITIAL_SLOTS);
  }

  private slotOf(key: number): number {
    const mask = this.keys.length - 1;
    const low = (key % 4_294_967_296) | 0;
    const high = (key / 4_294_967_296) | 0;
    let hash = Math.imul(low ^ Math.imul(high, 0x9e3779b1), 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
    let slot = (hash ^ (hash >>> 16)) & mask;
    while (this.counts[slot] !== 0 && this.keys[slot] !== key) {
      slot = (slot + 1) & mask;
    }
    return slot;
  }

  private grow(): void {
    const keys = this.keys;
    const counts = this.counts;
    this.keys = new Float64Array(keys.length * 2);
    this.counts = new Uint8Array(keys.length * 2);
    for (let index = 0; index < keys.length; index++) {
      const count = counts[index] as number;
      if (count > 0) {
        const slot = this.slotOf(keys[index] as number);
        this.keys[slot] = keys[index] as number;
        this.counts[slot] = count;
      }
    }
  }
}
