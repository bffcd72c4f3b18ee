export interface Peeked {
  /** The first bytes, at least as many as asked for unless there are no more. */
  head: Buffer;
  /** There is nothing behind the head. */
  isWhole: boolean;
  /** Everything, the head first. To be read once. */
  all: AsyncIterable<Uint8Array>;
}

/** Looks at the first bytes of a source before deciding what to do with all of them. */
export async function peek(source: AsyncIterable<Uint8Array>, bytes: number): Promise<Peeked> {
  const iterator = source[Symbol.asyncIterator]();
  const parts: Uint8Array[] = [];
  let size = 0;
  let isWhole = false;
  while (size < bytes && !isWhole) {
    const next = await iterator.next();
    if (next.done) {
      isWhole = true;
    } else {
      parts.push(next.value);
      size += next.value.length;
    }
  }
  const head = Buffer.concat(parts).subarray(0, bytes);
  async function* all(): AsyncGenerator<Uint8Array> {
    yield* parts.splice(0);
    if (!isWhole) {
      yield* { [Symbol.asyncIterator]: () => iterator };
    }
  }
  return { head, isWhole: isWhole && size <= bytes, all: all() };
}

/** Ends a download that would take for ever. */
export interface Patience {
  /** From when on the average counts, in ms. */
  graceMs: number;
  /** Fewer bytes per second than this are too few. */
  minBytesPerS: number;
}

export class TooSlow extends Error {
  constructor() {
    super('The download was too slow');
    this.name = 'TooSlow';
  }
}

/** Passes a stream on while it is fast enough. Who sends nothing at all is the connection's business. */
export async function* hurried(source: AsyncIterable<Uint8Array>, patience: Patience): AsyncGenerator<Uint8Array> {
  const startedAt = performance.now();
  let size = 0;
  for await (const chunk of source) {
    size += chunk.length;
    const ms = performance.now() - startedAt;
    if (ms > patience.graceMs && (size / ms) * 1_000 < patience.minBytesPerS) {
      throw new TooSlow();
    }
    yield chunk;
  }
}
