import { Body, Controller, Get, Param, Patch, Query } from '@nestjs/common';
import { AccountResolver } from '../accounts/account-resolver.js';
import { Config } from '../config/config.js';
import { AccountScopedDto, PageQuery } from '../http/common.dto.js';
import { Operation } from '../http/operation.js';
import { addressOfPath, type Address } from './address.js';
import { ChatFinder } from './chat-finder.service.js';
import {
  AddressParam,
  ConversationDto,
  ConversationListDto,
  ListChatsQuery,
  toChatPatch,
  toChatQuery,
  toConversationDto,
  UpdateChatDto,
} from './chat.dto.js';
import { InboxService } from './inbox.service.js';
import { MessageListDto, toMessageDto } from './message.dto.js';

const TAG = 'Inbox';

@Controller('chats')
export class ChatsController {
  constructor(
    private readonly accounts: AccountResolver,
    private readonly finder: ChatFinder,
    private readonly inbox: InboxService,
    private readonly config: Config,
  ) {}

  @Get()
  @Operation({
    id: 'listChats',
    summary: 'List conversations, the most recent first',
    description:
      'Pages stay whole while messages arrive: no conversation is shown twice, and none is left out, but those that moved up ' +
      'past the page meanwhile; they stand at the top of a new list, and `GET /events` tells of them. A conversation with a ' +
      'failed or a scheduled message only is listed too.',
    tag: TAG,
    scope: 'inbox:read',
    answers: ConversationListDto,
    errors: ['bad_cursor'],
  })
  async list(@Query() query: ListChatsQuery): Promise<ConversationListDto> {
    const account = await this.accounts.current();
    const page = await this.finder.list(account, toChatQuery(query, this.config.defaultCountry));
    return { conversations: page.rows.map(toConversationDto), next_cursor: page.nextCursor };
  }

  @Get(':phone')
  @Operation({
    id: 'getChat',
    summary: 'Get the conversation with a person',
    description: 'Reading changes nothing: `POST /chats/{phone}/read` marks it as read.',
    tag: TAG,
    scope: 'inbox:read',
    answers: ConversationDto,
    errors: ['not_found'],
  })
  async get(@Param() { phone }: AddressParam, @Query() _query: AccountScopedDto): Promise<ConversationDto> {
    return toConversationDto(await this.inbox.getChat(await this.accounts.current(), this.addressOf(phone)));
  }

  @Patch(':phone')
  @Operation({
    id: 'updateChat',
    example: { label: 'VIP', assigned_to: 'asha@example.com' },
    summary: 'Label, resolve or assign a conversation',
    description: 'Changes the given fields only.',
    tag: TAG,
    scope: 'inbox:write',
    answers: ConversationDto,
    errors: ['not_found'],
  })
  async update(
    @Param() { phone }: AddressParam,
    @Body() body: UpdateChatDto,
    @Query() _query: AccountScopedDto,
  ): Promise<ConversationDto> {
    const account = await this.accounts.current();
    return toConversationDto(await this.inbox.updateChat(account, this.addressOf(phone), toChatPatch(body)));
  }

  @Get(':phone/messages')
  @Operation({
    id: 'listChatMessages',
    summary: 'List the messages of a conversation, the newest first',
    description:
      '`next_cursor` goes back in time, `prev_cursor` forward to messages that came since. A message stands at the time it ' +
      'was written: one that WhatsApp delivers late stands among older ones, where pages back in time find it, while a ' +
      'reader who has passed that time hears of it by `message.received` (`GET /events`). Reactions are in `reactions` of ' +
      'the message they are for; what was taken back on WhatsApp is there with `is_deleted`, what an agent deleted is not.',
    tag: TAG,
    scope: 'inbox:read',
    answers: MessageListDto,
    errors: ['not_found', 'bad_cursor'],
  })
  async listMessages(@Param() { phone }: AddressParam, @Query() query: PageQuery): Promise<MessageListDto> {
    const page = await this.inbox.listMessages(await this.accounts.current(), this.addressOf(phone), query);
    return { messages: page.rows.map(toMessageDto), next_cursor: page.nextCursor, prev_cursor: page.prevCursor };
  }

  private addressOf(phone: string): Address {
    return addressOfPath(phone, this.config.defaultCountry);
  }
}
