import { Body, Controller, Delete, Get, Param, Patch, Post, Query, Req } from '@nestjs/common';
import { IdParam } from '../http/common.dto.js';
import { Operation } from '../http/operation.js';
import { principalOf, type ParleyRequest } from '../http/principal.js';
import { KEY_PATTERN } from './api-key-format.js';
import {
  ApiKeyDto,
  ApiKeyListDto,
  ApiKeysQuery,
  changesOf,
  CreateApiKeyDto,
  IssuedApiKeyDto,
  RotateApiKeyDto,
  toApiKeyDto,
  toIssuedApiKeyDto,
  UpdateApiKeyDto,
} from './api-key.dto.js';
import { ApiKeysService } from './api-keys.service.js';

const COMMON = { tag: 'API keys', scope: 'api_keys:write', accountScoped: false } as const;

/** Keys and what they may do. Nobody manages a key that may do more than their own. */
@Controller('api-keys')
export class ApiKeysController {
  constructor(private readonly apiKeys: ApiKeysService) {}

  @Get()
  @Operation({
    ...COMMON,
    id: 'listApiKeys',
    summary: 'List API keys',
    description:
      'Keys are told apart by their `prefix`; the rest of a key is stored as a hash only. A key that is tied to accounts ' +
      'sees the keys that are tied to no others.\n\n' +
      `For scanners that look for leaked secrets: every key made here matches \`${KEY_PATTERN.source.slice(1, -1)}\`, and ` +
      'its last six characters are the CRC-32 of what is before them (with the second `_`), written to the base 62 ' +
      '(0-9, A-Z, a-z) with leading zeros.',
    answers: ApiKeyListDto,
    errors: ['bad_cursor'],
  })
  async list(@Query() query: ApiKeysQuery, @Req() request: ParleyRequest): Promise<ApiKeyListDto> {
    const { rows, nextCursor } = await this.apiKeys.list(query, principalOf(request));
    return { api_keys: rows.map(toApiKeyDto), next_cursor: nextCursor };
  }

  @Post()
  @Operation({
    ...COMMON,
    id: 'createApiKey',
    example: { name: 'Inbox of the web shop', scopes: ['messages:send', 'inbox:read'] },
    summary: 'Create an API key',
    description: 'The answer is the only place where the key itself can be read.',
    answers: IssuedApiKeyDto,
    status: 201,
    errors: ['forbidden'],
  })
  async create(@Body() body: CreateApiKeyDto, @Req() request: ParleyRequest): Promise<IssuedApiKeyDto> {
    return toIssuedApiKeyDto(await this.apiKeys.create({ ...changesOf(body), name: body.name }, principalOf(request)));
  }

  @Patch(':id')
  @Operation({
    ...COMMON,
    id: 'updateApiKey',
    example: { name: 'Inbox of the web shop' },
    summary: 'Change an API key',
    description: 'Changes the given fields only. The last active key with all scopes stays as it is.',
    answers: ApiKeyDto,
    errors: ['forbidden', 'not_found', 'last_admin_key'],
  })
  async update(
    @Param() { id }: IdParam,
    @Body() body: UpdateApiKeyDto,
    @Req() request: ParleyRequest,
  ): Promise<ApiKeyDto> {
    return toApiKeyDto(await this.apiKeys.update(id, changesOf(body), principalOf(request)));
  }

  @Delete(':id')
  @Operation({
    ...COMMON,
    id: 'deleteApiKey',
    summary: 'Delete an API key',
    description: 'It stops working at once. The last active key with all scopes cannot be deleted.',
    errors: ['forbidden', 'not_found', 'last_admin_key'],
  })
  async remove(@Param() { id }: IdParam, @Req() request: ParleyRequest): Promise<void> {
    await this.apiKeys.remove(id, principalOf(request));
  }

  @Post(':id/rotate')
  @Operation({
    ...COMMON,
    id: 'rotateApiKey',
    example: { overlap_s: 86_400 },
    summary: 'Give an API key a new value',
    description: 'The present value works for `overlap_s` seconds more (a day, unless said otherwise).',
    answers: IssuedApiKeyDto,
    errors: ['forbidden', 'not_found'],
  })
  async rotate(
    @Param() { id }: IdParam,
    @Body() body: RotateApiKeyDto,
    @Req() request: ParleyRequest,
  ): Promise<IssuedApiKeyDto> {
    return toIssuedApiKeyDto(await this.apiKeys.rotate(id, body.overlap_s, principalOf(request)));
  }
}
