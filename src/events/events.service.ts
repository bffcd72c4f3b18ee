import { Injectable } from '@nestjs/common';
import { AppError } from '../common/app-error.js';
import { decodeIdCursor, encodeCursor } from '../common/page.js';
import type { NumberedEvent } from './event.js';
import type { EventFilter } from './event-filter.js';
import { EventsRepository } from './events.repository.js';

const LIST = 'events';
/** How long one request looks for events that match, in ms; the cursor it gives goes on from there. */
const LOOK_FOR_MS = 5_000;

export interface PullRequest {
  filter: EventFilter;
  cursor: string | undefined;
  /** Where to begin without a cursor. */
  from: 'start' | 'now';
  limit: number;
}

/** Events for those who come and ask. */
@Injectable()
export class EventsService {
  constructor(private readonly repository: EventsRepository) {}

  /**
   * The next events, and always a cursor to go on from.
   * @throws `410 cursor_expired` when events after the cursor are not kept any more
   */
  async pull({ filter, cursor, from, limit }: PullRequest): Promise<{ events: NumberedEvent[]; nextCursor: string }> {
    const given = decodeIdCursor(LIST, cursor);
    const { oldest, newest } = await this.repository.bounds();
    const first = oldest === null ? newest : oldest - 1;
    if (given !== null && (given < Math.min(first, newest) || given > newest)) {
      throw new AppError(
        'cursor_expired',
        'Events after this cursor are not kept any more. Fetch what you show anew, then go on from next_cursor.',
        { extra: { next_cursor: encodeCursor(LIST, [newest]) } },
      );
    }
    let position = given ?? (from === 'start' ? first : newest);
    const events: NumberedEvent[] = [];
    const deadline = performance.now() + LOOK_FOR_MS;
    while (position < newest && events.length < limit && performance.now() < deadline) {
      const page = await this.repository.readMatching(filter, position, newest, limit - events.length);
      events.push(...page.events);
      position = page.upTo;
    }
    return { events, nextCursor: encodeCursor(LIST, [position]) };
  }
}
