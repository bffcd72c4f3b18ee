import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { FlowEncryptionController } from './exchange/flow-encryption.controller.js';
import { FlowExchangeModule } from './exchange/flow-exchange.module.js';
import { ContactsModule } from '../contacts/contacts.module.js';
import { InboxModule } from '../inbox/inbox.module.js';
import { FlowKey } from './flow-key.entity.js';
import { FlowResponse } from './flow-response.entity.js';
import { FlowEditor } from './flow-editor.service.js';
import { FlowEventsRepository } from './flow-events.repository.js';
import { FlowPeople } from './flow-people.js';
import { FlowPushService } from './flow-push.service.js';
import { FlowResponsesController } from './flow-responses.controller.js';
import { FlowResponsesRepository } from './flow-responses.repository.js';
import { FlowResponses } from './flow-responses.service.js';
import { FlowSender } from './flow-send.service.js';
import { FlowStore } from './flow-store.js';
import { FlowSync } from './flow-sync.js';
import { Flow } from './flow.entity.js';
import { FlowsController } from './flows.controller.js';
import { FlowsRepository } from './flows.repository.js';
import { FlowsService } from './flows.service.js';
import { FlowsWebhook } from './flows.webhook.js';

/** Forms inside WhatsApp. */
@Module({
  imports: [ContactsModule, FlowExchangeModule, InboxModule, TypeOrmModule.forFeature([Flow, FlowKey, FlowResponse])],
  controllers: [FlowEncryptionController, FlowsController, FlowResponsesController],
  providers: [
    FlowEditor,
    FlowEventsRepository,
    FlowPeople,
    FlowPushService,
    FlowResponses,
    FlowResponsesRepository,
    FlowSender,
    FlowsRepository,
    FlowsService,
    FlowsWebhook,
    FlowStore,
    FlowSync,
  ],
  exports: [FlowsWebhook],
})
export class FlowsModule {}
