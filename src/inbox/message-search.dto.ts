import { NextCursor, PageQuery } from '../http/common.dto.js';
import { ListOf, OneOf, OptionalText, Text, Timestamp } from '../http/fields.js';
import { addressOfPath } from './address.js';
import type { MessageQuery } from './message-finder.service.js';
import { MESSAGE_TYPES, MessageDto } from './message.dto.js';
import { readSearch } from './search-words.js';

export class SearchMessagesQuery extends PageQuery {
  @Text({ max: 200, description: 'Words. Needs a letter or a digit to find anything.', example: 'invoice ORD-17' })
  q: string;

  @OptionalText({
    min: 1,
    max: 150,
    description: 'Only of the conversation with this person: phone in any spelling, or user id.',
    example: '+919876500001',
  })
  phone?: string;

  @OneOf(['inbound', 'outbound'], { optional: true, description: 'Only what came in, or only what went out.' })
  direction?: string;

  @OneOf(MESSAGE_TYPES, { optional: true, description: 'Only messages of this type.' })
  type?: string;

  @Timestamp({ optional: true, description: 'Written at or after.' })
  from?: string;

  @Timestamp({ optional: true, description: 'Written before.' })
  to?: string;
}

export class FoundMessagesDto {
  @ListOf(() => MessageDto)
  messages: MessageDto[];

  @NextCursor()
  next_cursor: string | null;
}

export function toMessageSearch(query: SearchMessagesQuery, defaultCountry: string | null): MessageQuery {
  const { q, phone, direction, type: messageType, from, to, limit, cursor } = query;
  return {
    words: readSearch(q, defaultCountry)?.texts ?? null,
    address: phone === undefined ? undefined : addressOfPath(phone, defaultCountry),
    direction,
    messageType,
    from,
    to,
    limit,
    cursor,
  };
}
