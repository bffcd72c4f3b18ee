import { AppError } from '../common/app-error.js';
import { FileMissing, StorageError } from './storage/media-storage.js';

/** What the store threw, as our callers are told. */
export function storeProblem(error: unknown): unknown {
  if (error instanceof FileMissing) {
    return new AppError('media_gone', 'The bytes of this file are no longer in the media store.', { cause: error });
  }
  if (error instanceof StorageError) {
    return new AppError('media_storage_failed', error.message, { retryAfterS: 30, cause: error });
  }
  return error;
}
