/** Somebody whom a number has blocked; '' for what is not known. */
export interface BlockEntry {
  readonly waId: string;
  readonly userId: string;
}

/** Whom a number has blocked, in the order they were; by phone where it is known, else by user id. */
export class Blocklist {
  /** Counts the changes: a list that is being paged is another one after each. */
  version = 0;
  /** The code that an attempt on this person is refused with, by phone or user id. */
  readonly refusals = new Map<string, number>();
  private readonly entries = new Map<string, BlockEntry>();

  get size(): number {
    return this.entries.size;
  }

  /** @param name a phone's digits or a user id */
  has(name: string): boolean {
    return this.entries.has(name);
  }

  all(): BlockEntry[] {
    return [...this.entries.values()];
  }

  add(entry: BlockEntry): void {
    const key = keyOf(entry);
    if (!this.entries.has(key)) {
      this.entries.set(key, entry);
      this.version += 1;
    }
  }

  /** Takes a person off, by either name. */
  remove({ waId, userId }: BlockEntry): void {
    const isGone = [waId, userId].filter((name) => name !== '' && this.entries.delete(name)).length > 0;
    this.version += isGone ? 1 : 0;
  }
}

function keyOf({ waId, userId }: BlockEntry): string {
  return waId || userId;
}
