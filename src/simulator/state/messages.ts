import { keep } from './keep.js';
import type { StoredMedia } from './media.js';

/** A message that did not leave through the API: what receipts, reactions, replies and edits refer to. */
export interface KnownMessage {
  /** Written by the business in its app otherwise. */
  readonly isFromCustomer: boolean;
  /** '' when it is not known. */
  readonly numberId: string;
  readonly waId: string;
  readonly userId: string;
  readonly type: string;
  readonly media: StoredMedia | undefined;
}

/** One "mark as read" of the business. */
export interface ReadReceipt {
  message_id: string;
  phone_number_id: string;
  from: string | null;
  user_id: string | null;
  typing_indicator: boolean;
  at: number;
}

const REMEMBERED = 300_000;
const MAX_READS = 100_000;

/** The messages of customers and of the app, and which of them the business read. */
export class Messages {
  reads: ReadReceipt[] = [];
  private readonly known = new Map<string, KnownMessage>();

  remember(wamid: string, message: KnownMessage): void {
    keep(this.known, wamid, message, REMEMBERED);
  }

  find(wamid: string): KnownMessage | undefined {
    return this.known.get(wamid);
  }

  read(receipt: ReadReceipt): void {
    this.reads.push(receipt);
    if (this.reads.length > MAX_READS) {
      this.reads = this.reads.slice(MAX_READS / 2);
    }
  }
}
