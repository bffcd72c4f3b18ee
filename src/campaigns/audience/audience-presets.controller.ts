import { Body, Controller, Delete, Get, Param, Post, Query, Req } from '@nestjs/common';
import { AccountResolver } from '../../accounts/account-resolver.js';
import { AccountScopedDto, IdParam, PageQuery } from '../../http/common.dto.js';
import { Operation } from '../../http/operation.js';
import { principalOf, type ParleyRequest } from '../../http/principal.js';
import { AudiencePresetsService } from './audience-presets.service.js';
import {
  AudiencePresetDto,
  AudiencePresetListDto,
  CreateAudiencePresetDto,
  toAudiencePresetDto,
} from './audience.dto.js';

const TAG = 'Campaigns';

@Controller('audience-presets')
export class AudiencePresetsController {
  constructor(
    private readonly accounts: AccountResolver,
    private readonly presets: AudiencePresetsService,
  ) {}

  @Get()
  @Operation({
    id: 'listAudiencePresets',
    summary: 'List the account’s audience presets, by name',
    tag: TAG,
    scope: 'campaigns:read',
    answers: AudiencePresetListDto,
    errors: ['bad_cursor'],
  })
  async list(@Query() { limit, cursor }: PageQuery): Promise<AudiencePresetListDto> {
    const page = await this.presets.list(await this.accounts.current(), { limit, cursor });
    return { audience_presets: page.rows.map(toAudiencePresetDto), next_cursor: page.nextCursor };
  }

  @Post()
  @Operation({
    id: 'createAudiencePreset',
    example: { name: 'VIPs', audience_type: 'contacts', audience_filters: { labels__name: 'VIP' } },
    summary: 'Keep an audience by name',
    description: 'What it says is copied into a campaign; changing or deleting a preset changes no campaign.',
    tag: TAG,
    scope: 'campaigns:write',
    status: 201,
    answers: AudiencePresetDto,
    errors: ['audience_preset_exists'],
  })
  async create(@Req() request: ParleyRequest, @Body() body: CreateAudiencePresetDto): Promise<AudiencePresetDto> {
    const { accountIds } = principalOf(request);
    const visible = accountIds.length === 0 ? null : accountIds;
    return toAudiencePresetDto(await this.presets.create(await this.accounts.current(), visible, body));
  }

  @Delete(':id')
  @Operation({
    id: 'deleteAudiencePreset',
    summary: 'Delete an audience preset',
    tag: TAG,
    scope: 'campaigns:write',
    errors: ['not_found'],
  })
  async delete(@Param() { id }: IdParam, @Query() _query: AccountScopedDto): Promise<void> {
    await this.presets.delete(await this.accounts.current(), id);
  }
}
