import { badParam } from './graph-error.js';

/** One part of a form. */
export interface FormPart {
  readonly name: string;
  readonly filename: string | undefined;
  readonly type: string;
  readonly bytes: Buffer;
}

/** Reads `multipart/form-data` that is already in memory. */
export function readForm(bytes: Buffer, contentType: string): Map<string, FormPart> {
  const match = /boundary=(?:"([^"]+)"|([^\s;]+))/i.exec(contentType);
  const boundary = match?.[1] ?? match?.[2];
  if (boundary === undefined || !contentType.toLowerCase().startsWith('multipart/form-data')) {
    throw badParam('The request must be multipart/form-data.');
  }
  const parts = new Map<string, FormPart>();
  const delimiter = Buffer.from(`--${boundary}`);
  let start = bytes.indexOf(delimiter);
  while (start >= 0) {
    const next = bytes.indexOf(delimiter, start + delimiter.length);
    if (next < 0) {
      break;
    }
    // Between the line break after this delimiter and the one before the next.
    const part = readPart(bytes.subarray(start + delimiter.length + 2, next - 2));
    if (part !== undefined) {
      parts.set(part.name, part);
    }
    start = next;
  }
  return parts;
}

function readPart(bytes: Buffer): FormPart | undefined {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) {
    return undefined;
  }
  const head = bytes.toString('utf8', 0, end);
  const name = /[\s;]name="([^"]*)"/i.exec(head)?.[1];
  if (name === undefined) {
    return undefined;
  }
  return {
    name,
    filename: /filename="([^"]*)"/i.exec(head)?.[1],
    type: /^content-type:\s*(\S.*)$/im.exec(head)?.[1]?.trim() ?? '',
    bytes: bytes.subarray(end + 4),
  };
}
