/** How long an answer is kept, in ms: longer than anybody waits for one. */
const KEPT_MS = 60_000;
const MAX_ENTRIES = 2_000;
const MAX_BYTES = 16 * 1024 * 1024;

interface Entry<T> {
  answer: Promise<T>;
  until: number;
  bytes: number;
}

/**
 * What was answered to which request, for a while: the very same request gets the very same answer, and its handler is
 * asked once. That is not only kind to handlers. A request brings the key of its answer, so a second, different answer would
 * be encrypted with a key and IV that were used already, and of GCM nothing would be left.
 */
export class RecentAnswers<T> {
  private readonly entries = new Map<string, Entry<T>>();
  private bytes = 0;

  constructor(private readonly sizeOf: (answer: T) => number) {}

  /** The answer to this request: the one that was given or is being made, else the one that is made now. */
  async of(id: string, make: () => Promise<T>): Promise<T> {
    this.forgetOld();
    const known = this.entries.get(id);
    if (known) {
      return known.answer;
    }
    const entry: Entry<T> = { answer: make(), until: performance.now() + KEPT_MS, bytes: 0 };
    this.entries.set(id, entry);
    try {
      const answer = await entry.answer;
      if (this.entries.get(id) === entry) {
        entry.bytes = this.sizeOf(answer);
        this.bytes += entry.bytes;
      }
      return answer;
    } catch (error) {
      this.remove(id, entry);
      throw error;
    }
  }

  /** The oldest stand first. */
  private forgetOld(): void {
    const now = performance.now();
    for (const [id, entry] of this.entries) {
      if (entry.until > now && this.entries.size < MAX_ENTRIES && this.bytes < MAX_BYTES) {
        return;
      }
      this.remove(id, entry);
    }
  }

  private remove(id: string, entry: Entry<T>): void {
    if (this.entries.get(id) === entry) {
      this.entries.delete(id);
      this.bytes -= entry.bytes;
    }
  }
}
