import type { MultipartFile } from '@fastify/multipart';
import { AppError, invalidField } from '../common/app-error.js';
import { formReadEarly } from './form.js';
import type { ParleyRequest } from './principal.js';
import { fromSender } from './sender-problem.js';
import type { UploadedFile } from './uploaded-file.js';

type MultipartRequest = ParleyRequest & {
  isMultipart(): boolean;
  file(options?: object): Promise<MultipartFile | undefined>;
};

/** The field `file` of a multipart request, as a stream: no file is held in memory. */
export async function uploadedFile(request: ParleyRequest): Promise<UploadedFile> {
  const multipart = request as MultipartRequest;
  if (!multipart.isMultipart()) {
    throw new AppError('unsupported_media_type', 'Send multipart/form-data with the field file.');
  }
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

function refuseWithoutFile(): never {
  throw invalidField('file', 'required', 'Send the file in the field file.');
}
