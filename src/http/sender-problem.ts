import { AppError } from '../common/app-error.js';

/** What fails while a request's file is read is about the request, unless it says otherwise. */
export async function fromSender<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    const { code } = error as { code?: string };
    if (error instanceof AppError || code?.startsWith('FST_')) {
      throw error;
    }
    throw new AppError('bad_request', 'The upload ended early, or is no well-formed multipart/form-data.', {
      cause: error,
    });
  }
}
