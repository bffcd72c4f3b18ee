import { CountingSet } from './counting-set.js';
import { hash53, mix53 } from './hash.js';
import { CHUNK_ROWS, LedgerChunk } from './ledger-chunk.js';

/** What became of a send, in the order of the stored numbers. */
export const OUTCOMES = [
  'accepted',
  'refused',
  'swallowed',
  'swallowed_silent',
  'accepted_502',
  'accepted_garbage',
  'accepted_unanswered',
  'accepted_hang',
  'http_500',
  'http_500_empty',
  'http_502',
  'reset',
  'unanswered',
] as const;
export type Outcome = (typeof OUTCOMES)[number];
type OutcomeCode = number;

const FIRST_NOT_ACCEPTED: OutcomeCode = OUTCOMES.indexOf('http_500');
const REFUSED: OutcomeCode = OUTCOMES.indexOf('refused');

/** Statuses in the order of the stored bits. */
export const STATUS_NAMES = ['sent', 'delivered', 'read', 'failed', 'played'] as const;
export type StatusName = (typeof STATUS_NAMES)[number];

/** Who pays what kind, in the order of the stored numbers. */
export const PRICING = ['service', 'marketing', 'utility', 'authentication'] as const;

/** A send as it enters the ledger. */
export interface NewRow {
  arrivedAt: number;
  number: number;
  waId: string;
  userId: string;
  type: string;
  template: string;
  pricing: (typeof PRICING)[number];
  callbackData: string;
  outcome: Outcome;
  /** Code of the refusal, or of the failed status to come. */
  code: number;
  /** Hash of what was said, so that the same words to the same person are noticed. */
  content: number;
}

/** Whether this outcome means that Meta has the message. */
export function isAccepted(outcome: Outcome): boolean {
  const index = OUTCOMES.indexOf(outcome);
  return index !== REFUSED && index < FIRST_NOT_ACCEPTED;
}

/** Rows kept before the oldest chunk is dropped: five million. */
const MAX_CHUNKS = 80;

/** Every send that reached the simulator, in arrival order. Row numbers never come again, also after `clear`. */
export class Ledger {
  readonly outcomes = new Map<Outcome, number>();
  readonly refusedByCode = new Map<number, number>();
  readonly recipients = new CountingSet();
  readonly repeats = new CountingSet();
  private readonly types: string[] = [];
  private readonly templates: string[] = [''];
  private chunks: LedgerChunk[] = [];
  private firstRow = 0;
  private nextRow = 0;

  get first(): number {
    return this.firstRow;
  }

  get end(): number {
    return this.nextRow;
  }

  add(row: NewRow): number {
    const sequence = this.nextRow++;
    const [chunk, at] = this.chunkFor(sequence);
    chunk.arrivedAt[at] = row.arrivedAt;
    chunk.to[at] = row.waId === '' ? 0 : Number(row.waId);
    chunk.number[at] = row.number;
    chunk.type[at] = indexIn(this.types, row.type);
    chunk.template[at] = indexIn(this.templates, row.template);
    chunk.pricing[at] = PRICING.indexOf(row.pricing);
    chunk.outcome[at] = OUTCOMES.indexOf(row.outcome);
    chunk.code[at] = row.code;
    chunk.setTexts(at, row.userId, row.callbackData);
    this.count(row);
    return sequence;
  }

  /** The chunk and the place in it of a row; undefined when it was never written or is gone. */
  find(sequence: number): [LedgerChunk, number] | undefined {
    if (sequence < this.firstRow || sequence >= this.nextRow) {
      return undefined;
    }
    const offset = sequence - this.firstRow;
    return [this.chunks[Math.floor(offset / CHUNK_ROWS)] as LedgerChunk, offset % CHUNK_ROWS];
  }

  typeName(index: number): string {
    return this.types[index] ?? '';
  }

  templateName(index: number): string {
    return this.templates[index] ?? '';
  }

  clear(): void {
    this.chunks = [];
    this.firstRow = this.nextRow;
    this.outcomes.clear();
    this.refusedByCode.clear();
    this.recipients.clear();
    this.repeats.clear();
  }

  private chunkFor(sequence: number): [LedgerChunk, number] {
    const offset = sequence - this.firstRow;
    const index = Math.floor(offset / CHUNK_ROWS);
    if (index === this.chunks.length) {
      this.chunks.push(new LedgerChunk());
    }
    if (this.chunks.length > MAX_CHUNKS) {
      this.chunks.shift();
      this.firstRow += CHUNK_ROWS;
      return [this.chunks[index - 1] as LedgerChunk, offset % CHUNK_ROWS];
    }
    return [this.chunks[index] as LedgerChunk, offset % CHUNK_ROWS];
  }

  private count(row: NewRow): void {
    this.outcomes.set(row.outcome, (this.outcomes.get(row.outcome) ?? 0) + 1);
    if (row.outcome === 'refused') {
      this.refusedByCode.set(row.code, (this.refusedByCode.get(row.code) ?? 0) + 1);
    }
    if (isAccepted(row.outcome)) {
      const recipient = row.waId === '' ? -hash53(row.userId) : Number(row.waId);
      this.recipients.add(recipient);
      this.repeats.add(mix53(Math.abs(recipient), row.content));
    }
  }
}

/** The place of `name` in `names`, which grows by it when new. The lists stay as short as the number of templates. */
function indexIn(names: string[], name: string): number {
  const index = names.indexOf(name);
  return index >= 0 ? index : names.push(name) - 1;
}
