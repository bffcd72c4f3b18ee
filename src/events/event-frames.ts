import { toEventBody, type EventBody, type NumberedEvent } from './event.js';

/** How soon a client comes back after its stream ended, in ms. */
const RETRY_MS = 2_000;
/** Those of a process that ends come back spread over this time, in ms. */
const RETURN_WITHIN_MS = 3_000;

export type ResetReason = 'unknown_id' | 'too_old' | 'too_slow';

const RESET_MESSAGES: Record<ResetReason, string> = {
  unknown_id: 'Last-Event-ID is no id of an event here. Fetch what you show anew; the stream goes on from now.',
  too_old:
    'Events after this Last-Event-ID are not kept any more. Fetch what you show anew; the stream goes on from now.',
  too_slow:
    'Events came faster than you read them, and this stream ends. Connect again with this id as Last-Event-ID to get ' +
    'what followed, or fetch what you show anew.',
};

/** An event as Server-Sent Events have it. JSON has no bare line break, so it is always one line. */
export function eventFrame(event: NumberedEvent): string {
  return frame(toEventBody(event));
}

/** Tells a client that its state is not to be relied on. */
export function resetFrame(reason: ResetReason, position: number): string {
  return frame({
    id: String(position),
    type: 'reset',
    timestamp: new Date().toISOString(),
    account_id: null,
    data: { reason, message: RESET_MESSAGES[reason] },
  });
}

/** How a stream begins. The id without data makes a browser resume from here, even when it has seen no event yet. */
export function openingFrame(position: number): string {
  return `retry: ${RETRY_MS}\n: Parley events\nid: ${position}\n\n`;
}

/** Keeps proxies from closing a quiet stream; the id moves on past events that the client does not see. */
export function heartbeatFrame(position: number): string {
  return `: heartbeat\nid: ${position}\n\n`;
}

/** The end of a stream whose process ends: all come back, but not all at once. */
export function farewellFrame(): string {
  return `: this server restarts\nretry: ${RETRY_MS + Math.floor(Math.random() * RETURN_WITHIN_MS)}\n\n`;
}

/** The number in a `Last-Event-ID`, or null when there is none in it. */
export function parseEventId(text: string): number | null {
  return /^\d{1,15}$/.test(text) ? Number(text) : null;
}

function frame(body: EventBody): string {
  return `id: ${body.id}\nevent: ${body.type}\ndata: ${JSON.stringify(body)}\n\n`;
}
