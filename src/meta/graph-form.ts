import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';

/** A multipart form with one file, which is streamed. */
export interface GraphForm {
  fields: Record<string, string>;
  file: { stream: Readable; size: number; filename: string; mimeType: string };
}

export interface FormBody {
  headers: Record<string, string>;
  body: Readable;
  /** Why the file could not be read to its end, if that is what happened. */
  readError: () => unknown;
}

/** The form as bytes. Their number is known beforehand, so they go out with Content-Length, which Meta asks for. */
export function formBody({ fields, file }: GraphForm): FormBody {
  const boundary = `parley-${randomBytes(18).toString('hex')}`;
  const head = [
    ...Object.entries(fields).map(
      ([name, value]) =>
        `--${boundary}\r\ncontent-disposition: form-data; name="${quoted(name)}"\r\n\r\n${oneLine(value)}\r\n`,
    ),
    `--${boundary}\r\ncontent-disposition: form-data; name="file"; filename="${quoted(file.filename)}"\r\n`,
    `content-type: ${oneLine(file.mimeType)}\r\n\r\n`,
  ].join('');
  const tail = `\r\n--${boundary}--\r\n`;
  let readError: unknown = null;
  // Heard here and not where it is read: what the connection throws comes up there too.
  file.stream.once('error', (error) => (readError = error));

  async function* bytes(): AsyncGenerator<Buffer> {
    yield Buffer.from(head);
    let size = 0;
    for await (const chunk of file.stream as AsyncIterable<Buffer>) {
      size += chunk.length;
      yield chunk;
    }
    if (size !== file.size) {
      readError = new Error(`The file has ${size} bytes, not ${file.size}`);
      throw readError;
    }
    yield Buffer.from(tail);
  }

  const body = Readable.from(bytes(), { objectMode: false });
  // A call that fails before it was read must not leave the file open.
  body.once('close', () => file.stream.destroy());
  return {
    headers: {
      'content-type': `multipart/form-data; boundary=${boundary}`,
      'content-length': String(Buffer.byteLength(head) + file.size + Buffer.byteLength(tail)),
    },
    body,
    readError: () => readError,
  };
}

/** As browsers write names in forms (WHATWG): quotes and line breaks are escaped. */
function quoted(text: string): string {
  return text.replace(/\r/g, '%0D').replace(/\n/g, '%0A').replace(/"/g, '%22');
}

function oneLine(text: string): string {
  return text.replace(/[\r\n]+/g, ' ');
}
