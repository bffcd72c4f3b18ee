import { createHash } from 'node:crypto';
import { FileTooLarge, type StoredBytes } from './media-storage.js';

/** Passes bytes on, counts and hashes them, and fails as soon as there are more than may be. */
export class Measured implements AsyncIterable<Buffer> {
  private readonly hash = createHash('sha256');
  private size = 0;
  /** Why the source ended early, to tell its trouble from that of whoever reads it. */
  sourceError: unknown = null;

  constructor(
    private readonly source: AsyncIterable<Uint8Array>,
    private readonly maxBytes: number,
  ) {}

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    try {
      for await (const chunk of this.source) {
        this.size += chunk.length;
        if (this.size > this.maxBytes) {
          throw new FileTooLarge(this.maxBytes);
        }
        this.hash.update(chunk);
        yield Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      }
    } catch (error) {
      this.sourceError = error;
      throw error;
    }
  }

  /** Of everything that was passed on. Call it once, at the end. */
  result(): StoredBytes {
    return { size: this.size, sha256: this.hash.digest('hex') };
  }
}
