import { randomBytes } from 'node:crypto';

const SEQUENCE_DIGITS = 10;

/**
 * Message ids of Meta's form, unique over restarts, from which the ledger row can be read back,
 * so that a million of them need not be stored.
 */
export class Wamids {
  /** Marks the ids of this process: two runs of the simulator never give the same id. */
  private readonly run = randomBytes(4).toString('hex').toUpperCase();

  /** The id of the send in ledger row `sequence`. */
  outbound(sequence: number, to: string): string {
    return this.encode(to, '\x15\x02\x00\x11\x18\x12', sequence);
  }

  /** The id of message number `sequence` from a customer. Customers' ids are numbered apart. */
  inbound(sequence: number, from: string): string {
    return this.encode(from, '\x15\x02\x00\x12\x18\x143A', sequence);
  }

  /** The id of message number `sequence` that the business wrote outside the API. */
  echo(sequence: number, to: string): string {
    return this.encode(to, '\x15\x02\x00\x11\x18\x14E', sequence);
  }

  /** Which message of a customer this process gave the id to; -1 for any other text. */
  inboundSequenceOf(wamid: string): number {
    return this.decode(wamid, `\x12\x18\x143A${this.run}`);
  }

  /** The ledger row of an id this process gave to a send; -1 for any other text. */
  sequenceOf(wamid: string): number {
    return this.decode(wamid, `\x11\x18\x12${this.run}`);
  }

  private decode(wamid: string, mark: string): number {
    if (!wamid.startsWith('wamid.')) {
      return -1;
    }
    const raw = Buffer.from(wamid.slice(6), 'base64').toString('latin1');
    const at = raw.indexOf(mark);
    const sequence = at < 0 ? Number.NaN : parseInt(raw.slice(at + mark.length, -1), 16);
    return Number.isSafeInteger(sequence) ? sequence : -1;
  }

  private encode(party: string, marker: string, sequence: number): string {
    const digits = sequence.toString(16).toUpperCase().padStart(SEQUENCE_DIGITS, '0');
    const text = `\x1c\x18${String.fromCharCode(party.length)}${party}${marker}${this.run}${digits}\x00`;
    return `wamid.${Buffer.from(text, 'latin1').toString('base64')}`;
  }
}
