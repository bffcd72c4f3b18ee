import { Body, Controller, Headers, Post, Query } from '@nestjs/common';
import { AccountResolver } from '../accounts/account-resolver.js';
import type { ErrorCode } from '../common/app-error.js';
import { Config } from '../config/config.js';
import { Operation } from '../http/operation.js';
import { toMessageDto } from './message.dto.js';
import { addressOf } from './address.js';
import { locationMessage, templateMessage, textMessage } from './outgoing.js';
import { SendLocationDto, SendMessageDto, SendQuery, SendResultDto, SendTemplateDto } from './send.dto.js';
import { SendService, type Sent } from './send.service.js';

const SEND_ERRORS: ErrorCode[] = ['graph_error', 'graph_outcome_unknown', 'client_ref_taken', 'rate_limited'];
const TAG = 'Sending';

/** Single messages, in the family of the seeds: flat bodies, Meta's answer and the stored message back. */
@Controller()
export class SendController {
  constructor(
    private readonly accounts: AccountResolver,
    private readonly sender: SendService,
    private readonly config: Config,
  ) {}

  @Post('send-message')
  @Operation({
    id: 'sendMessage',
    summary: 'Send a text message',
    description: 'Inside the 24-hour service window only; outside it Meta takes templates.',
    tag: TAG,
    scope: 'messages:send',
    answers: SendResultDto,
    errors: [...SEND_ERRORS, 'outside_service_window'],
  })
  async sendMessage(
    @Body() body: SendMessageDto,
    @Query() query: SendQuery,
    @Headers('idempotency-key') idempotencyKey?: string,
  ): Promise<SendResultDto> {
    const account = await this.accounts.current();
    const to = addressOf(body, this.config.defaultCountry);
    return toResult(await this.sender.send(account, { ...textMessage(to, body), force: query.force, idempotencyKey }));
  }

  @Post('send-location')
  @Operation({
    id: 'sendLocation',
    summary: 'Send a location pin',
    tag: TAG,
    scope: 'messages:send',
    answers: SendResultDto,
    errors: [...SEND_ERRORS, 'outside_service_window'],
  })
  async sendLocation(
    @Body() body: SendLocationDto,
    @Query() query: SendQuery,
    @Headers('idempotency-key') idempotencyKey?: string,
  ): Promise<SendResultDto> {
    const account = await this.accounts.current();
    const to = addressOf(body, this.config.defaultCountry);
    return toResult(
      await this.sender.send(account, { ...locationMessage(to, body), force: query.force, idempotencyKey }),
    );
  }

  @Post('send-template')
  @Operation({
    id: 'sendTemplate',
    summary: 'Send an approved template',
    description: 'Any time, also outside the service window.',
    tag: TAG,
    scope: 'messages:send',
    answers: SendResultDto,
    errors: SEND_ERRORS,
  })
  async sendTemplate(
    @Body() body: SendTemplateDto,
    @Headers('idempotency-key') idempotencyKey?: string,
  ): Promise<SendResultDto> {
    const account = await this.accounts.current();
    const to = addressOf(body, this.config.defaultCountry);
    const template = await this.sender.findTemplate(account, body.template_name, body.language);
    return toResult(await this.sender.send(account, { ...templateMessage(to, body, template), idempotencyKey }));
  }
}

function toResult(sent: Sent): SendResultDto {
  return { status: 'sent', result: sent.result, message: toMessageDto(sent.message) };
}
