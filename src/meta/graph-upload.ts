import { Readable } from 'node:stream';

/** The rest of a file for a resumable upload. */
export interface GraphUpload {
  /** The bytes from `offset` on; read once and destroyed. */
  stream: Readable;
  /** Of the whole file. */
  size: number;
  offset: number;
}

/** @returns body and headers, and why the file could not be read to its end, if that is what happened */
export function uploadBody({ stream, size, offset }: GraphUpload): {
  headers: Record<string, string>;
  body: Readable;
  readError: () => unknown;
} {
  const expected = size - offset;
  let readError: unknown = null;
  // Heard here and not where it is read: what the connection throws comes up there too.
  stream.once('error', (error) => (readError = error));

  async function* bytes(): AsyncGenerator<Buffer> {
    let sent = 0;
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      sent += chunk.length;
      yield chunk;
    }
    if (sent !== expected) {
      readError = new Error(`The file has ${sent} bytes left, not ${expected}`);
      throw readError;
    }
  }

  const body = Readable.from(bytes(), { objectMode: false });
  body.once('close', () => stream.destroy());
  return {
    headers: {
      'content-type': 'application/octet-stream',
      'content-length': String(expected),
      file_offset: String(offset),
    },
    body,
    readError: () => readError,
  };
}
