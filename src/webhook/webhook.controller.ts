import { Controller, Get, Header, Headers, HttpCode, Post, Query, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { ApiBody, ApiHeader, ApiOkResponse, ApiQuery } from '@nestjs/swagger';
import { AccountsService } from '../accounts/accounts.service.js';
import { AppError } from '../common/app-error.js';
import { counter } from '../common/metrics.js';
import { fingerprint, type Secret } from '../common/secret.js';
import { Config } from '../config/config.js';
import { OneOf } from '../http/fields.js';
import { Operation } from '../http/operation.js';
import { PUBLIC } from '../http/principal.js';
import { findSigningSecret } from '../meta/webhook-signature.js';
import { RefusalCounter } from './gaps/refusal-counter.js';
import { WebhookIntake } from './webhook-intake.js';

class ReceivedDto {
  @OneOf(['ok'])
  status: string;
}

const CHALLENGE = /^[\x21-\x7e]{1,1000}$/;

const refused = counter('parley_webhooks_refused_total', 'Webhook bodies refused', ['reason']);

/** Meta's door: verification, and the bodies it posts. */
@Controller('webhook')
export class WebhookController {
  constructor(
    private readonly accounts: AccountsService,
    private readonly intake: WebhookIntake,
    private readonly refusals: RefusalCounter,
    private readonly config: Config,
  ) {}

  @Get()
  // Plain text: a challenge that looks like HTML must not become a page of ours.
  @Header('content-type', 'text/plain; charset=utf-8')
  @ApiQuery({ name: 'hub.mode', required: true, type: String, description: 'Always the same.', example: 'subscribe' })
  @ApiQuery({
    name: 'hub.verify_token',
    required: true,
    type: String,
    description: 'verify_token of an account, or WHATSAPP_VERIFY_TOKEN.',
    example: '0f8fad5b-d9cb-469f-a165-70867728950e',
  })
  @ApiQuery({
    name: 'hub.challenge',
    required: true,
    type: String,
    description: 'What is answered.',
    example: '1158201444',
  })
  @ApiOkResponse({
    description: 'The challenge.',
    content: { 'text/plain': { schema: { type: 'string' }, example: '1158201444' } },
  })
  @Operation({
    id: 'verifyWebhook',
    summary: 'Meta’s verification of the callback URL',
    description: 'Answers the challenge as plain text when the token is the verify token of an active account.',
    tag: 'Webhook',
    scope: PUBLIC,
    status: 200,
    errors: ['bad_request', 'verify_token_mismatch'],
  })
  async verify(@Query() query: Record<string, unknown>): Promise<string> {
    const { 'hub.mode': mode, 'hub.verify_token': token, 'hub.challenge': challenge } = query;
    if (mode !== 'subscribe' || typeof challenge !== 'string' || !CHALLENGE.test(challenge)) {
      throw new AppError('bad_request', 'hub.mode must be subscribe, and hub.challenge is needed.');
    }
    if (typeof token !== 'string' || token === '' || !(await this.accounts.acceptsVerifyToken(token))) {
      throw new AppError('verify_token_mismatch', 'hub.verify_token is not the verify token of an active account.');
    }
    return challenge;
  }

  @Post()
  @HttpCode(200)
  @ApiHeader({
    name: 'X-Hub-Signature-256',
    required: true,
    description: 'sha256= and the HMAC of the body with the app secret.',
    schema: { type: 'string' },
    example: 'sha256=4f1e8a2bd9c35a70f6e2b8d4c1a9073e5d2f6b8c9a0e1d3f4b5c6a7d8e9f0a1b',
  })
  @ApiBody({
    schema: { type: 'object', additionalProperties: true },
    description: 'As Meta’s webhook reference describes it.',
  })
  @Operation({
    id: 'receiveWebhook',
    summary: 'What Meta posts: messages, statuses, template and account events',
    description: 'Stored durably before 200 is answered; processed afterwards.',
    tag: 'Webhook',
    scope: PUBLIC,
    answers: ReceivedDto,
    errors: ['bad_signature', 'payload_too_large'],
  })
  async receive(
    @Req() request: FastifyRequest,
    @Headers('x-hub-signature-256') signature: string | undefined,
  ): Promise<ReceivedDto> {
    const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
    const secretFingerprint = await this.authenticate(body, signature);
    await this.intake.store(body, secretFingerprint);
    return { status: 'ok' };
  }

  /** @returns the fingerprint of the secret that signed it, or null when it is unsigned and that is allowed */
  private async authenticate(body: Buffer, signature: string | undefined): Promise<string | null> {
    if (signature === undefined && this.config.webhook.allowUnsigned) {
      return null;
    }
    const secrets = await this.secrets();
    const index = findSigningSecret(body, signature, secrets);
    const secret = secrets[index];
    if (!secret) {
      const reason = secrets.length === 0 ? 'no_app_secret' : signature === undefined ? 'missing' : 'mismatch';
      refused.inc({ reason });
      if (signature !== undefined) {
        // Without a signature it is not even meant to be Meta's.
        this.refusals.add();
      }
      throw new AppError(
        'bad_signature',
        reason === 'no_app_secret'
          ? 'No app secret is configured: set WHATSAPP_APP_SECRET or the account’s app_secret.'
          : 'X-Hub-Signature-256 is not the signature of this body.',
      );
    }
    return fingerprint(secret);
  }

  private async secrets(): Promise<Secret[]> {
    const accounts = await this.accounts.snapshot();
    const own = accounts
      .filter((account) => account.isActive && account.appSecret)
      .map((account) => account.appSecret as Secret);
    const all = this.config.webhook.appSecret ? [this.config.webhook.appSecret, ...own] : own;
    const byFingerprint = new Map(all.map((secret) => [fingerprint(secret), secret]));
    return [...byFingerprint.values()];
  }
}
