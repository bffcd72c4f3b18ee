import type { GraphFailure } from '../meta/graph-error.js';
import type { SendResponse } from '../meta/api/messages.js';
import type { GraphResult } from '../meta/graph-client.js';
import type { Evidence, MessageError } from './message-status.js';

const PREFIX = 'parley:';
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/**
 * What goes into `biz_opaque_callback_data`: random, so that no other app's value is taken for ours, and without personal
 * data, for every app subscribed to the WABA receives it.
 */
export function callbackDataOf(attemptToken: string): string {
  return PREFIX + attemptToken;
}

/** The attempt token in a status's callback data, or null when it is another app's. */
export function attemptTokenOf(callbackData: unknown): string | null {
  if (typeof callbackData !== 'string' || !callbackData.startsWith(PREFIX)) {
    return null;
  }
  const token = callbackData.slice(PREFIX.length);
  return UUID.test(token) ? token : null;
}

/** What Meta's answer to a send proves. */
export function evidenceOfAnswer(answer: GraphResult<SendResponse>, at: Date): Evidence {
  if (answer.ok) {
    return { sentAt: at };
  }
  return answer.failure.kind === 'ambiguous'
    ? { isOutcomeUnknown: true }
    : { failedAt: at, error: messageErrorOf(answer.failure) };
}

export function messageErrorOf(failure: GraphFailure): MessageError {
  return { code: failure.code, title: failure.title, details: failure.details };
}
