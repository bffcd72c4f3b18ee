import type { MultipartFile } from '@fastify/multipart';
import { AppError, invalidField } from '../common/app-error.js';
import { formReadEarly, withForm, type SpooledFile } from './form.js';
import type { ParleyRequest } from './principal.js';
import { fromSender } from './sender-problem.js';
import type { UploadedFile } from './uploaded-file.js';

type MultipartRequest = ParleyRequest & {
  isMultipart(): boolean;
  file(options?: object): Promise<MultipartFile | undefined>;
};

/**
 * The field `file` of a multipart request, as a stream that runs as fast as its sender: no file is held in memory. Nothing
 * that others wait for (a connection, a lock) may be held while it is read; see {@link withUploadedFile}.
 */
export async function uploadedFile(request: ParleyRequest): Promise<UploadedFile> {
  const multipart = asMultipart(request);
  const early = formReadEarly(request);
  if (early) {
    return early.file?.open() ?? refuseWithoutFile();
  }
  const part = await fromSender(multipart.file());
  if (!part || part.fieldname !== 'file') {
    part?.file.resume();
    return refuseWithoutFile();
  }
  part.file.on('limit', () => part.file.destroy(new AppError('payload_too_large', 'A file may have at most 100 MB.')));
  return { stream: part.file, filename: part.filename, mimeType: part.mimetype };
}

/**
 * The field `file` of a multipart request, once all of it is here: for work that must not wait for a slow sender. The other
 * fields are the request's body, which may name the account.
 */
export async function withUploadedFile<T>(request: ParleyRequest, work: (file: SpooledFile) => Promise<T>): Promise<T> {
  return withForm(asMultipart(request), ({ fields, file }) => {
    request.body = fields;
    return work(file ?? refuseWithoutFile());
  });
}

function asMultipart(request: ParleyRequest): MultipartRequest {
  const multipart = request as MultipartRequest;
  if (!multipart.isMultipart()) {
    throw new AppError('unsupported_media_type', 'Send multipart/form-data with the field file.');
  }
  return multipart;
}

function refuseWithoutFile(): never {
  throw invalidField('file', 'required', 'Send the file in the field file.');
}
