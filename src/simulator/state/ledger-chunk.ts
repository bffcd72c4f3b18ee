/** How many rows one chunk holds. */
export const CHUNK_ROWS = 65_536;
const FIRST_TEXT_BYTES = 65_536;

/** Rows as parallel arrays: about 36 bytes each plus the callback data, invisible to the garbage collector. */
export class LedgerChunk {
  readonly arrivedAt = new Float64Array(CHUNK_ROWS);
  /** Digits of the recipient's wa_id; 0 when it was addressed by user id only or could not be read. */
  readonly to = new Float64Array(CHUNK_ROWS);
  readonly number = new Uint16Array(CHUNK_ROWS);
  readonly template = new Uint16Array(CHUNK_ROWS);
  readonly type = new Uint8Array(CHUNK_ROWS);
  readonly outcome = new Uint8Array(CHUNK_ROWS);
  readonly pricing = new Uint8Array(CHUNK_ROWS);
  /** Bit n is set once the receiver answered 200 to status n. */
  readonly statuses = new Uint8Array(CHUNK_ROWS);
  readonly code = new Uint32Array(CHUNK_ROWS);
  private readonly userIdLength = new Uint8Array(CHUNK_ROWS);
  private readonly textLength = new Uint16Array(CHUNK_ROWS);
  private readonly textStart = new Uint32Array(CHUNK_ROWS);
  private texts = Buffer.allocUnsafe(FIRST_TEXT_BYTES);
  private textEnd = 0;

  setTexts(row: number, userId: string, callbackData: string): void {
    this.textStart[row] = this.textEnd;
    this.userIdLength[row] = this.append(userId);
    this.textLength[row] = this.append(callbackData);
  }

  userId(row: number): string {
    const start = this.textStart[row] as number;
    return this.texts.toString('utf8', start, start + (this.userIdLength[row] as number));
  }

  callbackData(row: number): string {
    const start = (this.textStart[row] as number) + (this.userIdLength[row] as number);
    return this.texts.toString('utf8', start, start + (this.textLength[row] as number));
  }

  private append(text: string): number {
    if (text === '') {
      return 0;
    }
    const most = text.length * 3;
    if (this.textEnd + most > this.texts.length) {
      const grown = Buffer.allocUnsafe(Math.max(this.texts.length * 2, this.textEnd + most));
      this.texts.copy(grown, 0, 0, this.textEnd);
      this.texts = grown;
    }
    const written = this.texts.write(text, this.textEnd, 'utf8');
    this.textEnd += written;
    return written;
  }
}
