import type { Readable } from 'node:stream';

/** A file that came with a request. */
export interface UploadedFile {
  /** Must be read to its end. Fails with `413 payload_too_large` when the file is larger than the limit. */
  stream: Readable;
  filename: string;
  mimeType: string;
}
