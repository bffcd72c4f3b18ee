import { createHash, type Hash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Multipart, MultipartFile, MultipartValue } from '@fastify/multipart';
import { AppError, invalidField, invalidFields, type FieldError } from '../common/app-error.js';
import type { ParleyRequest } from './principal.js';
import type { UploadedFile } from './uploaded-file.js';

/** A file that came with a form, kept on disk until the request is over. */
export interface SpooledFile {
  filename: string;
  mimeType: string;
  /** Its first bytes, `max` at most. */
  head(max: number): Promise<Buffer>;
  open(): UploadedFile;
}

/** What a multipart form holds: its texts, in any order with at most one file. */
export interface Form {
  fields: Record<string, unknown>;
  file: SpooledFile | null;
}

type FormRequest = ParleyRequest & {
  isMultipart(): boolean;
  parts(options?: object): AsyncIterableIterator<Multipart>;
};

/** The sender went away in the middle. */
const CUT_OFF = ['ERR_STREAM_PREMATURE_CLOSE', 'ECONNRESET'];
const MAX_FIELDS = 50;
const MAX_FIELD_BYTES = 64 * 1024;

/** Forms that were read before their handler asked for them. */
const readBefore = new WeakMap<ParleyRequest, Form>();

/** Whether the request is a form. */
export function isForm(request: ParleyRequest): boolean {
  return (request as FormRequest).isMultipart();
}

/**
 * Reads a form whole, before anything is done with it: fields may stand after the file, and say what to do with it. The file
 * goes through to disk, never into memory, and is gone when the work is done.
 */
export async function withForm<T>(request: ParleyRequest, work: (form: Form) => Promise<T>): Promise<T> {
  const known = readBefore.get(request);
  if (known) {
    return work(known);
  }
  const folder = await mkdtemp(join(tmpdir(), 'parley-form-'));
  try {
    return await work(await readForm(request as FormRequest, join(folder, 'file')));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A form that was read before its handler asks for it. */
export interface EarlyForm {
  form: Form;
  /** Of the file's bytes; null without a file. */
  sha256: string | null;
  /** Takes the file away, once the request is over. */
  dispose(): Promise<void>;
}

/** Reads a form for whoever must know what is in it before the handler does; the handler is given the same. */
export async function readFormEarly(request: ParleyRequest): Promise<EarlyForm> {
  const folder = await mkdtemp(join(tmpdir(), 'parley-form-'));
  const dispose = (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    const hash = createHash('sha256');
    const form = await readForm(request as FormRequest, join(folder, 'file'), hash);
    readBefore.set(request, form);
    return { form, sha256: form.file && hash.digest('hex'), dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** The form of this request, if it was read early. */
export function formReadEarly(request: ParleyRequest): Form | null {
  return readBefore.get(request) ?? null;
}

async function readForm(request: FormRequest, path: string, hash?: Hash): Promise<Form> {
  const form: Form = { fields: {}, file: null };
  const errors: FieldError[] = [];
  const limits = { files: 1, fields: MAX_FIELDS, fieldSize: MAX_FIELD_BYTES };
  try {
    // To the end, also of a form that is wrong: the answer must not overtake the request.
    for await (const part of request.parts({ limits })) {
      if (part.type === 'file') {
        form.file = await spool(part, path, errors, hash);
      } else {
        readField(form, part, errors);
      }
    }
  } catch (error) {
    throw translated(error);
  }
  if (errors.length > 0) {
    throw invalidFields(errors);
  }
  return form;
}

async function spool(
  part: MultipartFile,
  path: string,
  errors: FieldError[],
  hash?: Hash,
): Promise<SpooledFile | null> {
  const { fieldname, filename, mimetype } = part;
  if (fieldname !== 'file') {
    part.file.resume();
    errors.push({ field: fieldname, code: 'unknown_field', message: 'Send the file in the field file.' });
    return null;
  }
  const target = createWriteStream(path, { mode: 0o600 });
  part.file.on('data', (chunk: Buffer) => hash?.update(chunk));
  await pipeline(part.file, target);
  if (target.bytesWritten > 0) {
    return {
      filename,
      mimeType: mimetype,
      head: (max) => readHead(path, max),
      open: () => ({ stream: createReadStream(path), filename, mimeType: mimetype }),
    };
  }
  // A browser sends an empty, nameless file where none was chosen.
  if (filename) {
    errors.push({ field: 'file', code: 'empty', message: 'The file is empty.' });
  }
  return null;
}

async function readHead(path: string, max: number): Promise<Buffer> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(max), 0, max, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

function readField(form: Form, part: MultipartValue, errors: FieldError[]): void {
  const { fieldname, value, valueTruncated } = part;
  if (valueTruncated) {
    errors.push({ field: fieldname, code: 'max_length', message: `${fieldname} is too long` });
  } else if (Object.hasOwn(form.fields, fieldname)) {
    errors.push({ field: fieldname, code: 'given_twice', message: `${fieldname} is given twice` });
  } else if (value !== '') {
    // A browser sends every field of a form, the empty ones too.
    form.fields[fieldname] = value;
  }
}

function translated(error: unknown): unknown {
  const { code, message } = error as { code?: string; message?: string };
  if (code === 'FST_FILES_LIMIT') {
    return invalidField('file', 'given_twice', 'Send one file.');
  }
  if (code === 'FST_REQ_FILE_TOO_LARGE') {
    return new AppError('payload_too_large', 'A file may have at most 100 MB.');
  }
  const isUnreadable =
    CUT_OFF.includes(code ?? '') ||
    (code === undefined ? /multipart|part terminated|boundary/i.test(message ?? '') : code.startsWith('FST_'));
  return isUnreadable ? new AppError('bad_request', `The form cannot be read: ${message ?? ''}`.slice(0, 200)) : error;
}
