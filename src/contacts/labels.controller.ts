import { Body, Controller, Delete, Get, Param, Patch, Post, Query } from '@nestjs/common';
import { AccountResolver } from '../accounts/account-resolver.js';
import { AccountScopedDto, IdParam } from '../http/common.dto.js';
import { Operation } from '../http/operation.js';
import { CreateLabelDto, LabelDto, LabelListDto, ListLabelsQuery, toLabelDto, UpdateLabelDto } from './label.dto.js';
import { LabelsService } from './labels.service.js';

const READ = { tag: 'Labels', scope: 'contacts:read' } as const;
const WRITE = { tag: 'Labels', scope: 'contacts:write' } as const;

@Controller('labels')
export class LabelsController {
  constructor(
    private readonly accounts: AccountResolver,
    private readonly labels: LabelsService,
  ) {}

  @Get()
  @Operation({
    ...READ,
    id: 'listLabels',
    summary: 'List labels, by name',
    answers: LabelListDto,
    errors: ['bad_cursor'],
  })
  async list(@Query() { q, limit, cursor }: ListLabelsQuery): Promise<LabelListDto> {
    const page = await this.labels.list(await this.accountIds(), { q, limit, cursor });
    return { labels: page.rows.map(toLabelDto), next_cursor: page.nextCursor };
  }

  @Post()
  @Operation({
    ...WRITE,
    id: 'createLabel',
    example: { name: 'VIP', color: 'amber' },
    summary: 'Create a label',
    answers: LabelDto,
    status: 201,
    errors: ['label_exists'],
  })
  async create(@Body() { name, color }: CreateLabelDto): Promise<LabelDto> {
    return toLabelDto(await this.labels.create(await this.accountIds(), { name, color }));
  }

  @Patch(':id')
  @Operation({
    ...WRITE,
    id: 'updateLabel',
    example: { color: 'teal' },
    summary: 'Rename or recolor a label',
    answers: LabelDto,
    errors: ['not_found', 'label_exists'],
  })
  async update(@Param() { id }: IdParam, @Body() { name, color }: UpdateLabelDto): Promise<LabelDto> {
    return toLabelDto(await this.labels.update(await this.accountIds(), id, { name, color }));
  }

  @Delete(':id')
  @Operation({
    ...WRITE,
    id: 'deleteLabel',
    summary: 'Delete a label',
    description:
      'Contacts and conversations that have it lose it. A key that is tied to accounts deletes only labels that no ' +
      'other account uses.',
    errors: ['not_found', 'label_in_use'],
  })
  async remove(@Param() { id }: IdParam, @Query() _query: AccountScopedDto): Promise<void> {
    await this.labels.remove(await this.accountIds(), id);
  }

  /** Labels belong to the installation; an account that is named must be one that the key may use all the same. */
  private async accountIds(): Promise<readonly number[]> {
    await this.accounts.current();
    return this.accounts.principal.accountIds;
  }
}
