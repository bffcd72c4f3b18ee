import { Controller, Get, Param, Query } from '@nestjs/common';
import { AccountResolver } from '../accounts/account-resolver.js';
import { Config } from '../config/config.js';
import { AccountScopedDto, IdParam, PageQuery } from '../http/common.dto.js';
import { Operation } from '../http/operation.js';
import { addressOfPath } from './address.js';
import { AddressParam, ConversationDto, ConversationListDto, ListChatsQuery, toConversationDto } from './chat.dto.js';
import { InboxService } from './inbox.service.js';
import { MessageDto, MessageListDto, toMessageDto } from './message.dto.js';

const TAG = 'Inbox';

@Controller()
export class ChatsController {
  constructor(
    private readonly accounts: AccountResolver,
    private readonly inbox: InboxService,
    private readonly config: Config,
  ) {}

  @Get('chats')
  @Operation({
    id: 'listChats',
    summary: 'List conversations, the most recent first',
    tag: TAG,
    scope: 'inbox:read',
    answers: ConversationListDto,
    errors: ['bad_cursor'],
  })
  async list(@Query() query: ListChatsQuery): Promise<ConversationListDto> {
    const page = await this.inbox.listChats(await this.accounts.current(), query);
    return { conversations: page.rows.map(toConversationDto), next_cursor: page.nextCursor };
  }

  @Get('chats/:phone')
  @Operation({
    id: 'getChat',
    summary: 'Get the conversation with a person',
    tag: TAG,
    scope: 'inbox:read',
    answers: ConversationDto,
    errors: ['not_found'],
  })
  async get(@Param() { phone }: AddressParam, @Query() _query: AccountScopedDto): Promise<ConversationDto> {
    const account = await this.accounts.current();
    return toConversationDto(await this.inbox.getChat(account, addressOfPath(phone, this.config.defaultCountry)));
  }

  @Get('chats/:phone/messages')
  @Operation({
    id: 'listChatMessages',
    summary: 'List the messages of a conversation, the newest first',
    description: '`next_cursor` goes back in time, `prev_cursor` forward to messages that came since.',
    tag: TAG,
    scope: 'inbox:read',
    answers: MessageListDto,
    errors: ['not_found', 'bad_cursor'],
  })
  async listMessages(@Param() { phone }: AddressParam, @Query() query: PageQuery): Promise<MessageListDto> {
    const account = await this.accounts.current();
    const page = await this.inbox.listMessages(account, addressOfPath(phone, this.config.defaultCountry), query);
    return { messages: page.rows.map(toMessageDto), next_cursor: page.nextCursor, prev_cursor: page.prevCursor };
  }

  @Get('messages/:id')
  @Operation({
    id: 'getMessage',
    summary: 'Get a message',
    tag: TAG,
    scope: 'inbox:read',
    answers: MessageDto,
    errors: ['not_found'],
  })
  async getMessage(@Param() { id }: IdParam, @Query() _query: AccountScopedDto): Promise<MessageDto> {
    return toMessageDto(await this.inbox.getMessage(await this.accounts.current(), id));
  }
}
