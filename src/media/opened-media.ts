import type { Readable } from 'node:stream';
import type { MediaType } from './media-state.js';
import type { ByteRange } from './storage/media-storage.js';

/** A kept file, ready to be served; {@link sendMedia} does it. */
export interface OpenedMedia {
  mediaType: MediaType;
  /** By its bytes, not by what its sender said. */
  mimeType: string;
  filename: string | null;
  /** Of the whole file, in bytes. */
  size: number;
  /** Of the whole file, in hex. */
  sha256: string;
  /** What the request asks for; null: all of it. */
  range: ByteRange | null | 'unsatisfiable';
  /** The bytes. Nothing is open before. */
  read(range: ByteRange | null): Promise<Readable>;
}
