import { Body, Controller, Headers, Post, Query, Res } from '@nestjs/common';
import { ApiBody } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { AccountResolver } from '../accounts/account-resolver.js';
import type { ErrorCode } from '../common/app-error.js';
import { Config } from '../config/config.js';
import { addressOf } from './address.js';
import {
  contactsMessage,
  interactiveMessage,
  locationMessage,
  mediaMessage,
  reactionMessage,
  textMessage,
} from './outgoing.js';
import {
  SendLocationDto,
  SendMediaDto,
  SendMessageDto,
  SendQuery,
  SendReactionDto,
  SendResultDto,
  SendTemplateDto,
} from './send.dto.js';
import { answerSend, FREE_FORM_ERRORS, SEND_ERRORS, SendOperation } from './send.operation.js';
import { SendService } from './send.service.js';
import { SendContactsDto } from './sending/contact-card.dto.js';
import { INTERACTIVE_EXAMPLES, SendInteractiveDto } from './sending/interactive.dto.js';
import type { SendCommand } from './sending/send-command.js';
import { templateMessage } from './sending/template-message.js';

const MEDIA_ERRORS: ErrorCode[] = [...FREE_FORM_ERRORS, 'payload_too_large', 'unsupported_media_type'];

/** Single messages, in the family of the seeds: flat bodies, Meta's answer and the stored message back. */
@Controller()
export class SendController {
  constructor(
    private readonly accounts: AccountResolver,
    private readonly sender: SendService,
    private readonly config: Config,
  ) {}

  @Post('send-message')
  @SendOperation({
    id: 'sendMessage',
    example: { phone: '+919876500001', message: 'Hello!' },
    summary: 'Send a text message',
    description: 'Inside the 24-hour service window only; outside it Meta takes templates.',
    errors: FREE_FORM_ERRORS,
  })
  async sendMessage(
    @Body() body: SendMessageDto,
    @Query() query: SendQuery,
    @Res({ passthrough: true }) reply: FastifyReply,
    @Headers('idempotency-key') idempotencyKey?: string,
  ): Promise<SendResultDto> {
    return this.send(textMessage(this.addressOf(body), body), reply, idempotencyKey, query);
  }

  @Post('send-location')
  @SendOperation({
    id: 'sendLocation',
    example: {
      phone: '+919876500001',
      latitude: 12.9716,
      longitude: 77.5946,
      name: 'Our shop',
      address: 'MG Road, Bengaluru',
    },
    summary: 'Send a location pin',
    errors: FREE_FORM_ERRORS,
  })
  async sendLocation(
    @Body() body: SendLocationDto,
    @Query() query: SendQuery,
    @Res({ passthrough: true }) reply: FastifyReply,
    @Headers('idempotency-key') idempotencyKey?: string,
  ): Promise<SendResultDto> {
    return this.send(locationMessage(this.addressOf(body), body), reply, idempotencyKey, query);
  }

  @Post('send-template')
  @SendOperation({
    id: 'sendTemplate',
    example: {
      phone: '+919876500001',
      template_name: 'order_update',
      language: 'en',
      body_params: ['Asha', 'ORD-1042'],
    },
    summary: 'Send an approved template',
    description:
      'Any time, also outside the service window. Where the template is not there in the `language` asked for, another ' +
      'variant of that language is sent (for `en_GB`: `en`, `en_US` …), an approved one before others. The values are ' +
      'checked against the template as it was last synced, so that what Meta would refuse is named here; `components` are not.',
    errors: SEND_ERRORS,
  })
  async sendTemplate(
    @Body() body: SendTemplateDto,
    @Query() query: SendQuery,
    @Res({ passthrough: true }) reply: FastifyReply,
    @Headers('idempotency-key') idempotencyKey?: string,
  ): Promise<SendResultDto> {
    const account = await this.accounts.current();
    const prepared = await this.sender.prepareTemplate(account, body);
    return this.send(templateMessage(this.addressOf(body), body, prepared), reply, idempotencyKey, query);
  }

  @Post('send-media')
  @SendOperation({
    id: 'sendMedia',
    example: {
      phone: '+919876500001',
      type: 'image',
      link: 'https://example.com/shirt.jpg',
      caption: 'The linen shirt',
    },
    summary: 'Send an image, a video, an audio, a document or a sticker',
    description: 'A file of the media library (or any media id of Meta’s), or a link that Meta fetches.',
    errors: MEDIA_ERRORS,
  })
  async sendMedia(
    @Body() body: SendMediaDto,
    @Query() query: SendQuery,
    @Res({ passthrough: true }) reply: FastifyReply,
    @Headers('idempotency-key') idempotencyKey?: string,
  ): Promise<SendResultDto> {
    return this.send(mediaMessage(this.addressOf(body), body), reply, idempotencyKey, query);
  }

  @Post('send-reaction')
  @SendOperation({
    id: 'sendReaction',
    example: { phone: '+919876500001', message_id: 'wamid.HBgLMTIwMjU1NTAxNzE', emoji: '👍' },
    summary: 'React to a message, or take a reaction back',
    description: 'It is shown in `reactions` of the message it is for. Of a reaction Meta tells only `sent`.',
    errors: FREE_FORM_ERRORS,
  })
  async sendReaction(
    @Body() body: SendReactionDto,
    @Query() query: SendQuery,
    @Res({ passthrough: true }) reply: FastifyReply,
    @Headers('idempotency-key') idempotencyKey?: string,
  ): Promise<SendResultDto> {
    return this.send(reactionMessage(this.addressOf(body), body), reply, idempotencyKey, query);
  }

  @Post('send-contacts')
  @SendOperation({
    id: 'sendContacts',
    example: {
      phone: '+919876500001',
      contacts: [{ name: { formatted_name: 'Asha Rao', first_name: 'Asha' }, phones: [{ phone: '+919876500001' }] }],
    },
    summary: 'Send contact cards',
    errors: FREE_FORM_ERRORS,
  })
  async sendContacts(
    @Body() body: SendContactsDto,
    @Query() query: SendQuery,
    @Res({ passthrough: true }) reply: FastifyReply,
    @Headers('idempotency-key') idempotencyKey?: string,
  ): Promise<SendResultDto> {
    return this.send(contactsMessage(this.addressOf(body), body), reply, idempotencyKey, query);
  }

  @Post('send-interactive')
  @ApiBody({ type: SendInteractiveDto, examples: INTERACTIVE_EXAMPLES })
  @SendOperation({
    id: 'sendInteractive',
    summary: 'Send buttons, a list, a link button, a location request or a flow',
    description:
      'One flat body for every kind: `type` says which, and the fields of that kind go with it (see the examples). Whoever ' +
      'has Meta’s own `interactive` object sends that instead. Lengths are counted in characters, as Meta does.',
    errors: MEDIA_ERRORS,
  })
  async sendInteractive(
    @Body() body: SendInteractiveDto,
    @Query() query: SendQuery,
    @Res({ passthrough: true }) reply: FastifyReply,
    @Headers('idempotency-key') idempotencyKey?: string,
  ): Promise<SendResultDto> {
    return this.send(interactiveMessage(this.addressOf(body), body), reply, idempotencyKey, query);
  }

  private addressOf(body: { phone?: string; user_id?: string }): SendCommand['to'] {
    return addressOf(body, this.config.defaultCountry);
  }

  private async send(
    command: SendCommand,
    reply: FastifyReply,
    idempotencyKey: string | undefined,
    query?: SendQuery,
  ): Promise<SendResultDto> {
    const account = await this.accounts.current();
    return answerSend(await this.sender.send(account, { ...command, force: query?.force, idempotencyKey }), reply);
  }
}
