import { Controller, Delete, Get, Param, Query, Req, Res, type StreamableFile } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { AccountResolver } from '../accounts/account-resolver.js';
import { Config } from '../config/config.js';
import { AccountScopedDto, IdParam } from '../http/common.dto.js';
import { Operation } from '../http/operation.js';
import type { ParleyRequest } from '../http/principal.js';
import { ApiFileResponses } from '../media/file-responses.js';
import { sendMedia } from '../media/serve.js';
import { InboxService } from './inbox.service.js';
import { MessageFinder } from './message-finder.service.js';
import { FoundMessagesDto, SearchMessagesQuery, toMessageSearch } from './message-search.dto.js';
import { MessageDetailDto, toMessageDetailDto, toMessageDto } from './message.dto.js';

const TAG = 'Inbox';

@Controller('messages')
export class MessagesController {
  constructor(
    private readonly accounts: AccountResolver,
    private readonly finder: MessageFinder,
    private readonly inbox: InboxService,
    private readonly config: Config,
  ) {}

  @Get()
  @Operation({
    id: 'searchMessages',
    summary: 'Search in the texts of messages, the newest first',
    description:
      'Finds messages with all words of `q`, in any order and in upper or lower case; the last word may be a beginning. ' +
      'Captions, rendered templates and names of places are texts too. Of Thai, Lao, Burmese, Khmer, Chinese, Japanese and ' +
      'Korean any part is found. What was deleted, or sent by a campaign, is not.',
    tag: TAG,
    scope: 'inbox:read',
    answers: FoundMessagesDto,
    errors: ['bad_cursor', 'not_found'],
  })
  async search(@Query() query: SearchMessagesQuery): Promise<FoundMessagesDto> {
    const account = await this.accounts.current();
    const page = await this.finder.search(account, toMessageSearch(query, this.config.defaultCountry));
    return { messages: page.rows.map(toMessageDto), next_cursor: page.nextCursor };
  }

  @Get(':id')
  @Operation({
    id: 'getMessage',
    summary: 'Get a message with its history',
    tag: TAG,
    scope: 'inbox:read',
    answers: MessageDetailDto,
    errors: ['not_found'],
  })
  async get(@Param() { id }: IdParam, @Query() _query: AccountScopedDto): Promise<MessageDetailDto> {
    const { message, ...history } = await this.inbox.getMessage(await this.accounts.current(), id);
    return toMessageDetailDto(message, history);
  }

  @Delete(':id')
  @Operation({
    id: 'deleteMessage',
    summary: 'Delete a message here, or cancel one that is scheduled',
    description:
      'A message that waits for its `send_at` is cancelled and never sent. Any other one is hidden from its conversation; ' +
      'the customer keeps it. `GET /messages/{id}` still answers.',
    tag: TAG,
    scope: 'inbox:write',
    errors: ['not_found'],
  })
  async remove(@Param() { id }: IdParam, @Query() _query: AccountScopedDto): Promise<void> {
    await this.inbox.removeMessage(await this.accounts.current(), id);
  }

  @Get(':id/media')
  @Operation({
    id: 'getMessageMedia',
    summary: 'Download the file of a message',
    description:
      'Fetched from Meta once, and kept. Takes `Range` (one part) and `If-None-Match`. Pictures, videos and audio may be shown ' +
      'by a browser; everything else is an attachment, and what a browser could run is `application/octet-stream`.',
    tag: TAG,
    scope: 'inbox:read',
    status: 200,
    errors: [
      'not_found',
      'media_not_ready',
      'media_gone',
      'media_fetch_failed',
      'range_not_satisfiable',
      'media_storage_failed',
    ],
  })
  @ApiFileResponses()
  async media(
    @Req() request: ParleyRequest,
    @Param() { id }: IdParam,
    @Query() _query: AccountScopedDto,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<StreamableFile | undefined> {
    const account = await this.accounts.current();
    return sendMedia(reply, await this.inbox.openMedia(account, id, request.headers.range));
  }
}
