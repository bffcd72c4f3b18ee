import type { ServerResponse } from 'node:http';
import { Controller, Get, Header, Post, Query, Req, Res, UseGuards } from '@nestjs/common';
import { ApiExtraModels, ApiHeader, ApiResponse } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { AccountResolver } from '../accounts/account-resolver.js';
import { DEFAULT_PAGE_SIZE } from '../common/page.js';
import { Operation } from '../http/operation.js';
import { ANY_KEY, KEY_OR_TICKET, type ParleyRequest } from '../http/principal.js';
import { EVENT_TYPES } from '../outbox/outbox.js';
import { EventFilter } from './event-filter.js';
import { EventStreams } from './event-streams.js';
import { EventTicketsService, TICKET_LIFETIME_S } from './event-tickets.service.js';
import { EventPageDto, EventsQuery, EventTicketDto, isPoll, parseTypes, toEventPageDto } from './event.dto.js';
import { EventsService } from './events.service.js';
import { TicketGuard } from './ticket.guard.js';

const TAG = 'Events';

const DESCRIPTION = `Server-Sent Events, or a page of the same events with \`poll=1\`.

**Which events.** Of all accounts that the key may use, unless the request names one; of the types that its scopes allow:
\`message.*\` and \`conversation.*\` need \`inbox:read\`, \`campaign.*\` \`campaigns:read\`, \`contact.*\` \`contacts:read\`,
\`template.*\` \`templates:read\`, \`flow.*\` \`flows:read\`, \`account.*\` \`accounts:read\`. Types that they do not allow are
left out. Types: ${EVENT_TYPES.map((type) => `\`${type}\``).join(', ')}.

**Stream.** Each event has an \`id\`; a client that comes back with the last one as \`Last-Event-ID\` gets everything since,
once and in order. Without it the stream begins now. An event of the type \`reset\` says that this is not possible
(\`data.reason\`: \`unknown_id\`, \`too_old\`), or that the stream ends because the client reads too slowly (\`too_slow\`;
come back with its id): fetch what you show anew. A comment comes every 15 seconds. A stream ends when its key is
disabled, deleted, expired or given other rights. A browser's \`EventSource\` takes a \`ticket\` from createEventTicket and,
when it comes back with a new one, \`last_event_id\`.

**Page.** Without a cursor it begins now, with an empty page; with \`from=start\` at the oldest event that is kept. As many
events as \`limit\` mean that there may be more. When events after the cursor are not kept any more the answer is
\`410 cursor_expired\` with a \`next_cursor\` to go on from.`;

const EXAMPLE = {
  id: '1042',
  type: 'message.received',
  timestamp: '2026-11-21T09:30:00.000Z',
  account_id: 1,
  data: { id: 7, message_id: 'wamid.HBgM', conversation_id: 3, contact_id: 5, message_type: 'text' },
};

const STREAM_HEADERS = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
};

@Controller('events')
export class EventsController {
  constructor(
    private readonly accounts: AccountResolver,
    private readonly events: EventsService,
    private readonly streams: EventStreams,
    private readonly tickets: EventTicketsService,
  ) {}

  @Get()
  @UseGuards(TicketGuard)
  @ApiExtraModels(EventPageDto)
  @ApiHeader({
    name: 'X-Account-Id',
    required: false,
    description: 'Only events of this account.',
    schema: { type: 'integer', format: 'int64', minimum: 1, examples: [1] },
  })
  @ApiHeader({
    name: 'Last-Event-ID',
    required: false,
    description: 'Stream: id of the last event seen. EventSource sends it by itself.',
    schema: { type: 'string', maxLength: 200, examples: ['1042'] },
  })
  @ApiResponse({
    status: 200,
    description: 'Events as they come; with `poll=1` a page of them.',
    content: {
      'text/event-stream': {
        schema: { type: 'string' },
        example: `id: 1042\nevent: message.received\ndata: ${JSON.stringify(EXAMPLE)}\n\n`,
      },
      'application/json': {
        schema: { $ref: '#/components/schemas/EventPageDto' },
        example: { events: [EXAMPLE], next_cursor: 'WyJldmVudHMiLDEwNDJd' },
      },
    },
  })
  @Operation({
    id: 'streamEvents',
    summary: 'Follow events live, or pull them',
    description: DESCRIPTION,
    tag: TAG,
    scope: KEY_OR_TICKET,
    status: 200,
    errors: ['account_not_found', 'bad_cursor', 'cursor_expired'],
    accountScoped: false,
  })
  async stream(@Query() query: EventsQuery, @Req() request: ParleyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { principal } = this.accounts;
    const poll = isPoll(query);
    const wish = { types: parseTypes(query.types), accountId: await this.namedAccountId(query, request) };
    const filter = EventFilter.of(principal, wish);
    if (poll) {
      const { cursor, from = 'now', limit = DEFAULT_PAGE_SIZE } = query;
      void reply.send(toEventPageDto(await this.events.pull({ filter, cursor, from, limit })));
    } else if (request.method === 'HEAD') {
      void reply.headers(STREAM_HEADERS).send();
    } else {
      const lastEventId = request.headers['last-event-id'] ?? query.last_event_id;
      await this.streams.open({ principal, filter, lastEventId: lastEventId ? String(lastEventId) : null }, () =>
        takeOver(reply),
      );
    }
  }

  @Post('ticket')
  @Header('cache-control', 'no-store')
  @Operation({
    id: 'createEventTicket',
    summary: 'Let a browser open a live stream',
    description:
      'For `new EventSource("…/events?ticket=…")`, which cannot send a key. The ticket opens one stream, within a ' +
      'minute; the stream has the rights that the key has then.',
    tag: TAG,
    scope: ANY_KEY,
    answers: EventTicketDto,
    status: 201,
    accountScoped: false,
  })
  async createTicket(): Promise<EventTicketDto> {
    return { ticket: await this.tickets.issue(this.accounts.principal), expires_in: TICKET_LIFETIME_S };
  }

  /** Null when the request names none: unlike elsewhere, no account stands in for it. */
  private async namedAccountId(query: EventsQuery, request: ParleyRequest): Promise<number | null> {
    const isNamed = request.headers['x-account-id'] !== undefined || query.account_id !== undefined;
    return isNamed ? (await this.accounts.current()).id : null;
  }
}

/** Takes the response from Fastify, with the headers that its hooks have set (CORS, request id, rate limit). */
function takeOver(reply: FastifyReply): ServerResponse {
  reply.hijack();
  reply.raw.writeHead(200, { ...reply.getHeaders(), ...STREAM_HEADERS } as Record<string, string | string[]>);
  return reply.raw;
}
