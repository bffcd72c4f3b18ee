import type { SpooledFile } from '../../http/form.js';
import { HEAD_BYTES, readMimeType, uploadRuleOf } from '../../media/media-kinds.js';
import type { MediaType } from '../../media/media-state.js';

/**
 * As what a file is sent, by its bytes. What WhatsApp takes as nothing at all counts as a document, and is refused by name
 * when it is uploaded.
 */
export async function mediaTypeOf(file: SpooledFile): Promise<MediaType> {
  const head = await file.head(HEAD_BYTES);
  const mimeType = await readMimeType(head, head.length < HEAD_BYTES, {
    mimeType: file.mimeType,
    filename: file.filename,
  });
  return uploadRuleOf(mimeType, head)?.mediaType ?? 'document';
}
