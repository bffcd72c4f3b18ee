import { Body, Controller, Get, Headers, Param, Post, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { AccountResolver } from '../../accounts/account-resolver.js';
import { Config } from '../../config/config.js';
import { AccountScopedDto, IdParam } from '../../http/common.dto.js';
import { Operation } from '../../http/operation.js';
import { principalOf, type ParleyRequest } from '../../http/principal.js';
import { addressOf } from '../../inbox/address.js';
import { SendResultDto } from '../../inbox/send.dto.js';
import { answerSend, SEND_ERRORS } from '../../inbox/send.operation.js';
import type { Visibility } from '../audience/campaign-audience.js';
import { CampaignTest } from './campaign-test.service.js';
import { PreflightDto, TestCampaignDto, toPreflightDto } from './preflight.dto.js';
import { PreflightService } from './preflight.service.js';

const TAG = 'Campaigns';

/** A campaign before it starts. */
@Controller('campaigns')
export class CampaignPreflightController {
  constructor(
    private readonly accounts: AccountResolver,
    private readonly preflight: PreflightService,
    private readonly test: CampaignTest,
    private readonly config: Config,
  ) {}

  @Get(':id/preflight')
  @Operation({
    id: 'preflightCampaign',
    summary: 'What a campaign would do: who gets it, who not and why, when it is through, what it costs',
    description:
      'Nothing is sent and nothing changes. Everybody is counted once, under the first reason that keeps them from it. An ' +
      'audience from outside is read up to 100,000 people. In the estimate the campaign shares its number with those that ' +
      'run now.',
    tag: TAG,
    scope: 'campaigns:read',
    answers: PreflightDto,
    errors: ['not_found'],
  })
  async check(
    @Req() request: ParleyRequest,
    @Param() { id }: IdParam,
    @Query() _query: AccountScopedDto,
  ): Promise<PreflightDto> {
    return toPreflightDto(await this.preflight.check(await this.accounts.current(), visibleTo(request), id));
  }

  @Post(':id/test')
  @Operation({
    id: 'testCampaign',
    example: { phone: '+919876500001' },
    summary: 'Send one message of a campaign',
    description:
      'A single message like any other, in the inbox; the campaign does not count it. Values are those of `parameters`, ' +
      'else those of the first recipient.',
    tag: TAG,
    scope: 'campaigns:write',
    answers: SendResultDto,
    errors: [...SEND_ERRORS, 'not_found', 'template_not_approved'],
  })
  async send(
    @Req() request: ParleyRequest,
    @Param() { id }: IdParam,
    @Body() body: TestCampaignDto,
    @Res({ passthrough: true }) reply: FastifyReply,
    @Headers('idempotency-key') idempotencyKey?: string,
  ): Promise<SendResultDto> {
    const to = addressOf(body, this.config.defaultCountry);
    const account = await this.accounts.current();
    return answerSend(await this.test.send(account, visibleTo(request), id, { to, body, idempotencyKey }), reply);
  }
}

function visibleTo(request: ParleyRequest): Visibility {
  const { accountIds } = principalOf(request);
  return accountIds.length === 0 ? null : accountIds;
}
