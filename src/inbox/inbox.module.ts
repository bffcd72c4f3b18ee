import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { ContactsModule } from '../contacts/contacts.module.js';
import { TemplatesModule } from '../templates/templates.module.js';
import { ChatsController } from './chats.controller.js';
import { Conversation } from './conversation.entity.js';
import { ConversationsRepository } from './conversations.repository.js';
import { DeliveriesService } from './deliveries.service.js';
import { InboxRepository } from './inbox.repository.js';
import { InboxService } from './inbox.service.js';
import { InboxWebhook } from './inbox.webhook.js';
import { IncomingMessagesRepository } from './incoming-messages.repository.js';
import { MessageChange } from './message-change.entity.js';
import { Message } from './message.entity.js';
import { MessageStatusEvent } from './message-status.entity.js';
import { MessagesRepository } from './messages.repository.js';
import { SendController } from './send.controller.js';
import { SendService } from './send.service.js';
import { StatusesRepository } from './statuses.repository.js';

/** Conversations and messages: everything that was received and sent, from wherever it was sent. */
@Module({
  imports: [
    TypeOrmModule.forFeature([Conversation, Message, MessageChange, MessageStatusEvent]),
    ContactsModule,
    TemplatesModule,
  ],
  controllers: [ChatsController, SendController],
  providers: [
    ConversationsRepository,
    DeliveriesService,
    InboxRepository,
    InboxService,
    InboxWebhook,
    IncomingMessagesRepository,
    MessagesRepository,
    SendService,
    StatusesRepository,
  ],
  exports: [ConversationsRepository, DeliveriesService, InboxWebhook, MessagesRepository],
})
export class InboxModule {}
