import { Readable } from 'node:stream';
import { Body, Controller, Get, Param, Patch, Query, StreamableFile } from '@nestjs/common';
import { ApiOkResponse } from '@nestjs/swagger';
import { AccountResolver } from '../accounts/account-resolver.js';
import { IdParam } from '../http/common.dto.js';
import { Operation } from '../http/operation.js';
import { FlowResponseCsv } from './flow-response-csv.js';
import {
  FlowResponseDto,
  FlowResponseFilterQuery,
  FlowResponseListDto,
  FlowResponseParams,
  FlowResponsesDto,
  ListAllFlowResponsesQuery,
  ListFlowResponsesQuery,
  toFlowResponseDto,
  toFlowResponseQuery,
  UnmatchedResponseParam,
  UpdateFlowResponseDto,
} from './flow-response.dto.js';
import { FlowResponses, type FlowResponseExport } from './flow-responses.service.js';

const READ = { tag: 'Flows', scope: 'flows:read' } as const;
const WRITE = { tag: 'Flows', scope: 'flows:write' } as const;

/** What people answered in flows. */
@Controller()
export class FlowResponsesController {
  constructor(
    private readonly accounts: AccountResolver,
    private readonly responses: FlowResponses,
  ) {}

  @Get('flow-responses')
  @Operation({
    ...READ,
    id: 'listAllFlowResponses',
    summary: 'List answers to all flows, the newest first',
    description: 'With `unmatched=true` those alone whose flow nothing tells.',
    answers: FlowResponseListDto,
    errors: ['bad_cursor'],
  })
  async listAll(@Query() query: ListAllFlowResponsesQuery): Promise<FlowResponseListDto> {
    const { id: accountId } = await this.accounts.current();
    const { limit, cursor, unmatched = false } = query;
    const page = await this.responses.listAll(accountId, { ...toFlowResponseQuery(query), unmatched, limit, cursor });
    return { responses: page.rows.map(toFlowResponseDto), next_cursor: page.nextCursor };
  }

  @Patch('flow-responses/:response_id')
  @Operation({
    ...WRITE,
    id: 'updateUnmatchedFlowResponse',
    example: { processed: true },
    summary: 'Mark an answer whose flow is not known as dealt with, or not',
    answers: FlowResponseDto,
    errors: ['not_found'],
  })
  async markUnmatched(
    @Param() { response_id }: UnmatchedResponseParam,
    @Body() { processed }: UpdateFlowResponseDto,
  ): Promise<FlowResponseDto> {
    const { id: accountId } = await this.accounts.current();
    return toFlowResponseDto(await this.responses.mark(accountId, null, response_id, processed));
  }

  @Get('flows/:id/responses')
  @Operation({
    ...READ,
    id: 'listFlowResponses',
    summary: 'List the answers to a flow, the newest first, with its numbers',
    answers: FlowResponsesDto,
    errors: ['flow_not_found', 'bad_cursor'],
  })
  async list(@Param() { id }: IdParam, @Query() query: ListFlowResponsesQuery): Promise<FlowResponsesDto> {
    const { id: accountId } = await this.accounts.current();
    const { limit, cursor } = query;
    const page = await this.responses.list(accountId, id, { ...toFlowResponseQuery(query), limit, cursor });
    const { rows, nextCursor, total, unprocessed, sent, completed } = page;
    return { responses: rows.map(toFlowResponseDto), next_cursor: nextCursor, total, unprocessed, sent, completed };
  }

  @Get('flows/:id/responses/export')
  @Operation({
    ...READ,
    id: 'exportFlowResponses',
    summary: 'Download the answers to a flow as a CSV file',
    description:
      'The same answers as the list with the same filters, with a column for each thing that was asked. A cell that a ' +
      "spreadsheet would take for a formula, such as a phone, has one `'` before it.",
    status: 200,
    errors: ['flow_not_found'],
  })
  @ApiOkResponse({
    description: 'A CSV file.',
    content: {
      'text/csv': {
        schema: { type: 'string' },
        example: 'id,phone,completed_at,service\r\n1,+919876500001,2026-11-21T09:30:00.000Z,haircut\r\n',
      },
    },
  })
  async export(@Param() { id }: IdParam, @Query() query: FlowResponseFilterQuery): Promise<StreamableFile> {
    const { id: accountId } = await this.accounts.current();
    const file = await this.responses.export(accountId, id, toFlowResponseQuery(query));
    return new StreamableFile(Readable.from(toCsv(file), { objectMode: false }), {
      type: 'text/csv; charset=utf-8',
      disposition: `attachment; filename="flow_${id}_responses.csv"`,
    });
  }

  @Patch('flows/:id/responses/:response_id')
  @Operation({
    ...WRITE,
    id: 'updateFlowResponse',
    example: { processed: true },
    summary: 'Mark an answer as dealt with, or not',
    answers: FlowResponseDto,
    errors: ['flow_not_found', 'not_found'],
  })
  async mark(
    @Param() { id, response_id }: FlowResponseParams,
    @Body() { processed }: UpdateFlowResponseDto,
  ): Promise<FlowResponseDto> {
    const { id: accountId } = await this.accounts.current();
    return toFlowResponseDto(await this.responses.mark(accountId, id, response_id, processed));
  }
}

async function* toCsv({ keys, pages }: FlowResponseExport): AsyncGenerator<string> {
  const csv = new FlowResponseCsv(keys);
  yield csv.header();
  for await (const rows of pages) {
    yield rows.map((row) => csv.line(row)).join('');
  }
}
