import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { FlowKey } from './flow-key.entity.js';
import { FlowResponse } from './flow-response.entity.js';
import { Flow } from './flow.entity.js';
import { FlowsWebhook } from './flows.webhook.js';

/** Forms inside WhatsApp. */
@Module({
  imports: [TypeOrmModule.forFeature([Flow, FlowKey, FlowResponse])],
  providers: [FlowsWebhook],
  exports: [FlowsWebhook],
})
export class FlowsModule {}
