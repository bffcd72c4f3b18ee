import { Controller, Headers, HttpCode, Param, Post, Req, Res } from '@nestjs/common';
import { ApiBody, ApiHeader, ApiParam, ApiResponse } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Operation } from '../../http/operation.js';
import { PUBLIC } from '../../http/principal.js';
import { FlowExchangeService } from './flow-exchange.service.js';

const ENCRYPTED = {
  'text/plain': { schema: { type: 'string' as const }, example: 'n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=' },
};
const WORDS = { 'text/plain': { schema: { type: 'string' as const }, example: '' } };

/** Meta's second door: phones that ask for the next screen of a flow. */
@Controller('flow-data')
export class FlowDataController {
  constructor(private readonly exchange: FlowExchangeService) {}

  @Post(':token')
  @HttpCode(200)
  @ApiHeader({
    name: 'X-Hub-Signature-256',
    required: true,
    description: 'sha256= and the HMAC of the body with the app secret.',
    schema: { type: 'string' },
    example: 'sha256=4f1e8a2bd9c35a70f6e2b8d4c1a9073e5d2f6b8c9a0e1d3f4b5c6a7d8e9f0a1b',
  })
  @ApiParam({
    name: 'token',
    type: String,
    description: 'Last part of the address that Meta was given.',
    example: 'c1f3b2a49d8e4f6a8b7c6d5e4f3a2b1c',
  })
  @ApiResponse({ status: 200, description: 'The next screen, encrypted.', content: ENCRYPTED })
  @ApiResponse({
    status: 421,
    description: 'Not to be decrypted: the phone fetches the public key again.',
    content: WORDS,
  })
  @ApiResponse({ status: 427, description: 'The flow_token is no longer valid.', content: WORDS })
  @ApiResponse({ status: 432, description: 'The signature is wrong.', content: WORDS })
  @ApiBody({
    schema: {
      type: 'object',
      properties: {
        encrypted_flow_data: { type: 'string' },
        encrypted_aes_key: { type: 'string' },
        initial_vector: { type: 'string' },
      },
    },
    description: 'As Meta’s guide to endpoints of flows describes it.',
  })
  @Operation({
    id: 'exchangeFlowData',
    summary: 'What phones ask while they show a flow: pings, and data for the next screen',
    description:
      'Answers the encrypted screen as text (base64); 421 when the request cannot be decrypted (the phone fetches the public key again), 427 when the flow_token is no longer valid, 432 when the signature is wrong.',
    tag: 'Webhook',
    scope: PUBLIC,
    status: 200,
    errors: ['not_found', 'payload_too_large'],
  })
  async answer(
    @Param('token') token: string,
    @Req() request: FastifyRequest,
    @Headers('x-hub-signature-256') signature: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<string> {
    const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
    const answer = await this.exchange.answer(token, body, signature);
    void reply.status(answer.status).type('text/plain; charset=utf-8');
    return answer.body;
  }
}
