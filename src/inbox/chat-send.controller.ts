import { Body, Controller, Headers, Param, Post, Query, Req, Res } from '@nestjs/common';
import { ApiBody, ApiConsumes, ApiExtraModels, getSchemaPath } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { AccountResolver } from '../accounts/account-resolver.js';
import { Config } from '../config/config.js';
import { AccountScopedDto } from '../http/common.dto.js';
import { isForm, withForm, type Form } from '../http/form.js';
import { requireIdempotencyKey } from '../http/idempotency-key.js';
import { Operation } from '../http/operation.js';
import type { ParleyRequest } from '../http/principal.js';
import { readInto } from '../http/validation.js';
import { addressOfPath } from './address.js';
import { AddressParam } from './chat.dto.js';
import { SendQuery, SendResultDto } from './send.dto.js';
import { answerSend, FREE_FORM_ERRORS, SendOperation } from './send.operation.js';
import { SendService } from './send.service.js';
import { readChatSend } from './sending/chat-send.js';
import { ChatSendDto } from './sending/chat-send.dto.js';
import { ChatReadDto, ReadChatDto, toChatReadDto } from './sending/read-receipt.dto.js';
import { ReadReceipts } from './sending/read-receipts.service.js';

const TAG = 'Inbox';

/** What an agent does in a chat. */
@Controller('chats')
export class ChatSendController {
  constructor(
    private readonly accounts: AccountResolver,
    private readonly sender: SendService,
    private readonly receipts: ReadReceipts,
    private readonly config: Config,
  ) {}

  @Post(':phone/send')
  @ApiConsumes('application/json', 'multipart/form-data')
  @ApiExtraModels(ChatSendDto)
  @ApiBody({
    schema: {
      allOf: [
        { $ref: getSchemaPath(ChatSendDto) },
        {
          type: 'object',
          properties: {
            file: {
              type: 'string',
              format: 'binary',
              description: 'In a form: an image, video, audio, document, sticker.',
            },
          },
        },
      ],
    },
  })
  @SendOperation({
    id: 'sendToChat',
    example: { body: 'Hello!' },
    summary: 'Send whatever the composer holds: a location, else a file, else a text',
    description:
      'JSON, or a form with the field `file` before or after all others. Both coordinates make a location, whatever else is ' +
      'there; a file makes a message of its type with the text as its caption (audio and stickers carry none); else the text ' +
      'is sent.',
    tag: TAG,
    errors: [...FREE_FORM_ERRORS, 'payload_too_large', 'unsupported_media_type'],
  })
  async send(
    @Param() { phone }: AddressParam,
    @Query() query: SendQuery,
    @Req() request: ParleyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
    @Headers('idempotency-key') idempotencyKey?: string,
  ): Promise<SendResultDto> {
    const send = async ({ fields, file }: Form): Promise<SendResultDto> => {
      const body = await readInto(ChatSendDto, fields);
      const to = addressOfPath(phone, this.config.defaultCountry);
      const account = await this.accounts.current();
      const command = await readChatSend(to, body, file);
      const force = command.force ?? query.force;
      return answerSend(await this.sender.send(account, { ...command, force, idempotencyKey }), reply);
    };
    if (!isForm(request)) {
      return send({ fields: (request.body ?? {}) as Form['fields'], file: null });
    }
    if (idempotencyKey !== undefined) {
      requireIdempotencyKey(idempotencyKey);
    }
    return withForm(request, (form) => {
      // Where the account is looked for.
      request.body = form.fields;
      return send(form);
    });
  }

  @Post(':phone/read')
  @Operation({
    id: 'markChatRead',
    example: { typing: true },
    summary: 'Mark a conversation as read',
    description:
      'Nothing is unread any more, and WhatsApp shows the customer that the newest message, and all before it, was read. A ' +
      'read receipt that Meta refuses is told in `read_receipt` and is no error.',
    tag: TAG,
    scope: 'inbox:write',
    answers: ChatReadDto,
    errors: ['not_found'],
  })
  async read(
    @Param() { phone }: AddressParam,
    @Body() body: ReadChatDto,
    @Query() _query: AccountScopedDto,
  ): Promise<ChatReadDto> {
    const account = await this.accounts.current();
    const address = addressOfPath(phone, this.config.defaultCountry);
    return toChatReadDto(await this.receipts.markRead(account, address, body));
  }
}
