import { AppError, invalidField } from '../common/app-error.js';
import type { SpooledFile } from '../http/form.js';

/** Meta's limit of a flow's JSON. */
const MAX_BYTES = 10 * 1024 * 1024;

/** The JSON in a file. @throws 400 for what is none, 413 above Meta's limit */
export async function readFlowFile(file: SpooledFile): Promise<Record<string, unknown>> {
  const bytes = await file.head(MAX_BYTES + 1);
  if (bytes.length > MAX_BYTES) {
    throw new AppError('payload_too_large', 'The JSON of a flow may have at most 10 MB.');
  }
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8').replace(/^\ufeff/, ''));
  } catch (error) {
    throw invalidField(
      'file',
      'not_json',
      `file is not JSON: ${(error as Error).message.slice(0, 200).toWellFormed()}`,
    );
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalidField('file', 'not_object', 'file must hold a JSON object');
  }
  return value as Record<string, unknown>;
}
