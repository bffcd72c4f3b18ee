import { Module } from '@nestjs/common';
import { ContactsModule } from '../../contacts/contacts.module.js';
import { FlowDataController } from './flow-data.controller.js';
import { FlowExchangeRepository } from './flow-exchange.repository.js';
import { FlowExchangeService } from './flow-exchange.service.js';
import { FlowForwards } from './flow-forwards.service.js';
import { FlowAnswerSettings, FlowHandlerRunner } from './flow-handler-runner.js';
import { FlowKeysRepository } from './flow-keys.repository.js';
import { FlowKeys } from './flow-keys.service.js';
import { FlowQuestions } from './flow-questions.service.js';

/**
 * The data exchange of flows. Its door stands beside the API, not below it: Nest prefixes by module. The calls for its keys
 * are the API's, so FlowsModule has their controller.
 */
@Module({
  imports: [ContactsModule],
  controllers: [FlowDataController],
  providers: [
    FlowAnswerSettings,
    FlowExchangeRepository,
    FlowExchangeService,
    FlowForwards,
    FlowHandlerRunner,
    FlowKeys,
    FlowKeysRepository,
    FlowQuestions,
  ],
  exports: [FlowForwards, FlowKeys],
})
export class FlowExchangeModule {}
