import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { ContactsModule } from '../contacts/contacts.module.js';
import { MediaModule } from '../media/media.module.js';
import { TemplatesModule } from '../templates/templates.module.js';
import { ChatSendController } from './chat-send.controller.js';
import { ChatFinder } from './chat-finder.service.js';
import { ChatListRepository } from './chat-list.repository.js';
import { ChatSearchRepository } from './chat-search.repository.js';
import { ChatsController } from './chats.controller.js';
import { ConversationEvents } from './conversation-events.js';
import { Conversation } from './conversation.entity.js';
import { ConversationsRepository } from './conversations.repository.js';
import { DeliveriesService } from './deliveries.service.js';
import { FlowToken } from './flow-token.entity.js';
import { FlowTokensRepository } from './flow-tokens.repository.js';
import { FlowTokens } from './flow-tokens.service.js';
import { InboxRepository } from './inbox.repository.js';
import { InboxService } from './inbox.service.js';
import { InboxWebhook } from './inbox.webhook.js';
import { IncomingMessagesRepository } from './incoming-messages.repository.js';
import { MessageChangesRepository } from './message-changes.repository.js';
import { MessageChanges } from './message-changes.service.js';
import { MessageReceiver } from './message-receiver.js';
import { MessageChange } from './message-change.entity.js';
import { Message } from './message.entity.js';
import { MessageStatusEvent } from './message-status.entity.js';
import { MessageFinder } from './message-finder.service.js';
import { MessageSearchRepository } from './message-search.repository.js';
import { MessagesController } from './messages.controller.js';
import { MessagesRepository } from './messages.repository.js';
import { PeopleBlocks } from './people-blocks.js';
import { PeopleErasure } from './people-erasure.js';
import { PeopleMerge } from './people-merge.js';
import { PeopleThreadsRepository } from './people-threads.repository.js';
import { ProductSendController } from './product-send.controller.js';
import { SendController } from './send.controller.js';
import { SendService } from './send.service.js';
import { Attachments } from './sending/attachments.js';
import { Beginnings } from './sending/beginnings.service.js';
import { Dispatch } from './sending/dispatch.service.js';
import { NumberTurns, TurnSettings } from './sending/number-turns.js';
import { ProductCatalog } from './sending/product-catalog.service.js';
import { ReadReceiptsRepository } from './sending/read-receipts.repository.js';
import { ReadReceipts } from './sending/read-receipts.service.js';
import { ScheduledSendsRepository } from './sending/scheduled-sends.repository.js';
import { ScheduledSends } from './sending/scheduled-sends.service.js';
import { MessagePrices } from './statistics/message-prices.js';
import { StatisticsRepository } from './statistics/statistics.repository.js';
import { StatusesRepository } from './statuses.repository.js';
import { ThroughputRepository } from './throughput.repository.js';

/** Conversations and messages: everything that was received and sent, from wherever it was sent. */
@Module({
  imports: [
    TypeOrmModule.forFeature([Conversation, FlowToken, Message, MessageChange, MessageStatusEvent]),
    ContactsModule,
    MediaModule,
    TemplatesModule,
  ],
  controllers: [ChatsController, MessagesController, ChatSendController, SendController, ProductSendController],
  providers: [
    Attachments,
    Beginnings,
    ChatFinder,
    ChatListRepository,
    ChatSearchRepository,
    ConversationEvents,
    ConversationsRepository,
    DeliveriesService,
    Dispatch,
    FlowTokens,
    FlowTokensRepository,
    InboxRepository,
    InboxService,
    InboxWebhook,
    IncomingMessagesRepository,
    MessageChanges,
    MessageChangesRepository,
    MessageFinder,
    MessagePrices,
    MessageReceiver,
    MessageSearchRepository,
    MessagesRepository,
    NumberTurns,
    PeopleBlocks,
    PeopleErasure,
    PeopleMerge,
    PeopleThreadsRepository,
    ProductCatalog,
    ReadReceipts,
    ReadReceiptsRepository,
    ScheduledSends,
    ScheduledSendsRepository,
    SendService,
    StatisticsRepository,
    StatusesRepository,
    ThroughputRepository,
    TurnSettings,
  ],
  exports: [
    ConversationsRepository,
    DeliveriesService,
    FlowTokens,
    InboxWebhook,
    MessagePrices,
    MessagesRepository,
    NumberTurns,
    ScheduledSends,
    StatisticsRepository,
    ThroughputRepository,
    SendService,
  ],
})
export class InboxModule {}
