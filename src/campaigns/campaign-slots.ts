/**
 * Of a row of campaigns, whom the work on it can delay: others of its account, of its audience, and of both, in this order.
 * They are text, so that one statement can pass over whoever has all the slots it may have.
 */
export const SLOT_KEYS = `array['account ' || account_id, 'audience ' || audience_type, account_id || ' ' || audience_type]`;

export interface SlotUser {
  id: number;
  /** {@link SLOT_KEYS} */
  slotKeys: string[];
}

/** How many campaigns are worked on at once. */
export interface SlotLimits {
  inAll: number;
  /** Of one account, and of one audience: whatever hangs there leaves room for the others. */
  ofEither?: number;
  /** Of one audience in one account: what one asks of it in vain leaves room for those who ask other things. */
  ofBoth?: number;
}

/** The campaigns that this process works on at once, and whose turn it cannot be meanwhile. */
export class CampaignSlots {
  private readonly taken = new Map<number, { keys: string[]; work: Promise<void> }>();

  constructor(private readonly most: SlotLimits) {}

  get free(): number {
    return this.most.inAll - this.taken.size;
  }

  /** Those that have a slot. */
  get ids(): number[] {
    return [...this.taken.keys()];
  }

  /** The keys of which no other campaign gets a slot now. */
  get fullKeys(): string[] {
    const { ofEither = Infinity, ofBoth = Infinity } = this.most;
    const used = new Map<string, { count: number; most: number }>();
    for (const { keys } of this.taken.values()) {
      keys.forEach((key, at) => {
        const count = (used.get(key)?.count ?? 0) + 1;
        used.set(key, { count, most: at === keys.length - 1 ? ofBoth : ofEither });
      });
    }
    return [...used].filter(([, { count, most }]) => count >= most).map(([key]) => key);
  }

  /** Gives it a slot until the work is over, which never throws. @returns when the slot is free again */
  take({ id, slotKeys }: SlotUser, work: Promise<void>): Promise<void> {
    const slot = work.then(() => void this.taken.delete(id));
    this.taken.set(id, { keys: slotKeys, work: slot });
    return slot;
  }

  /** Until the work on all of them is over. */
  async emptied(): Promise<void> {
    await Promise.all([...this.taken.values()].map(({ work }) => work));
  }
}
