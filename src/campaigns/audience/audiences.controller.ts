import { Controller, Get, Query } from '@nestjs/common';
import { AccountResolver } from '../../accounts/account-resolver.js';
import { PageQuery } from '../../http/common.dto.js';
import { Operation } from '../../http/operation.js';
import { AudienceSources } from './audience-sources.js';
import { AudienceListDto } from './audience.dto.js';

@Controller('audiences')
export class AudiencesController {
  constructor(
    private readonly accounts: AccountResolver,
    private readonly sources: AudienceSources,
  ) {}

  @Get()
  @Operation({
    id: 'listAudiences',
    summary: 'List what audience_type may name',
    tag: 'Campaigns',
    scope: 'campaigns:read',
    answers: AudienceListDto,
    errors: ['bad_cursor'],
  })
  async list(@Query() { limit, cursor }: PageQuery): Promise<AudienceListDto> {
    await this.accounts.current();
    const page = this.sources.list(limit, cursor);
    return { audiences: page.rows, next_cursor: page.nextCursor };
  }
}
