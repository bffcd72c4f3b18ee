import { Body, Controller, Delete, Get, Headers, Param, Patch, Post, Query, Req, Res } from '@nestjs/common';
import { ApiBody, ApiConsumes, ApiExtraModels, getSchemaPath } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { AccountResolver } from '../accounts/account-resolver.js';
import { invalidField, type ErrorCode } from '../common/app-error.js';
import { Config } from '../config/config.js';
import { AccountScopedDto, IdParam } from '../http/common.dto.js';
import { isForm, withForm } from '../http/form.js';
import { Operation } from '../http/operation.js';
import type { ParleyRequest } from '../http/principal.js';
import { readInto } from '../http/validation.js';
import { addressOf } from '../inbox/address.js';
import { SendQuery, SendResultDto } from '../inbox/send.dto.js';
import { answerSend, FREE_FORM_ERRORS, SendOperation } from '../inbox/send.operation.js';
import { FlowEditor } from './flow-editor.service.js';
import { readFlowFile } from './flow-file.js';
import { FlowPushService } from './flow-push.service.js';
import { FlowSender } from './flow-send.service.js';
import { FLOW_STATUS_ERRORS } from './flow-status.js';
import { FlowSync } from './flow-sync.js';
import {
  CloneFlowDto,
  CreateFlowDto,
  FlowDto,
  FlowListDto,
  FlowPreviewDto,
  FlowSyncDto,
  ListFlowsQuery,
  PreviewFlowQuery,
  SendFlowDto,
  StarterFlowListDto,
  toFlowDto,
  toStarters,
  UpdateFlowDto,
  UploadFlowDto,
} from './flow.dto.js';
import { FlowsService } from './flows.service.js';

const READ = { tag: 'Flows', scope: 'flows:read' } as const;
const WRITE = { tag: 'Flows', scope: 'flows:write' } as const;
const META_ERRORS: ErrorCode[] = ['graph_error', 'graph_outcome_unknown', 'account_credentials_missing'];
const MOVE_ERRORS: ErrorCode[] = ['flow_not_found', 'conflict', ...FLOW_STATUS_ERRORS, ...META_ERRORS];

/** Forms inside WhatsApp. */
@Controller('flows')
export class FlowsController {
  constructor(
    private readonly accounts: AccountResolver,
    private readonly flows: FlowsService,
    private readonly editor: FlowEditor,
    private readonly pushes: FlowPushService,
    private readonly sync: FlowSync,
    private readonly sender: FlowSender,
    private readonly config: Config,
  ) {}

  @Get()
  @Operation({
    ...READ,
    id: 'listFlows',
    summary: 'List flows, the newest first',
    answers: FlowListDto,
    errors: ['bad_cursor'],
  })
  async list(@Query() query: ListFlowsQuery): Promise<FlowListDto> {
    const { id: accountId } = await this.accounts.current();
    const { q, status, limit, cursor } = query;
    const page = await this.flows.list(accountId, { q, status, limit, cursor });
    return { flows: page.rows.map((flow) => toFlowDto(flow)), next_cursor: page.nextCursor };
  }

  @Post()
  @Operation({
    ...WRITE,
    id: 'createFlow',
    example: { name: 'Book an appointment', starter: 'appointment' },
    summary: 'Create a flow',
    description:
      'Creates a draft at Meta and, when `flow_json` or a `starter` is given, uploads it. Faults that Meta finds in the JSON ' +
      'are no error: see `validation_errors`. After `graph_outcome_unknown` the flow stays here: sync, or upload or publish ' +
      'it, and what Meta has is found by its name.',
    answers: FlowDto,
    status: 201,
    errors: ['flow_exists', ...META_ERRORS],
  })
  async create(@Body() body: CreateFlowDto): Promise<FlowDto> {
    const { flow, forwardSecret } = await this.editor.create(await this.accounts.current(), {
      name: body.name,
      categories: body.categories,
      flowJson: body.flow_json,
      starter: body.starter,
      isDynamic: body.is_dynamic,
      endpointUri: body.endpoint_uri,
      forwardUrl: body.forward_url,
    });
    return toFlowDto(flow, { forwardSecret });
  }

  @Get('starters')
  @Operation({
    ...READ,
    id: 'listStarterFlows',
    summary: 'List the flows one can begin with',
    answers: StarterFlowListDto,
    accountScoped: false,
  })
  starters(): StarterFlowListDto {
    return { starters: toStarters(), next_cursor: null };
  }

  @Post('sync')
  @Operation({
    ...WRITE,
    id: 'syncFlows',
    summary: 'Bring the flows from Meta',
    description:
      'Reads all pages. Flows that are not here come here; those whose creation got no answer are found by their names. ' +
      'Drafts that Meta has no longer stay here, and are created anew when they are uploaded or published.',
    answers: FlowSyncDto,
    errors: ['graph_error', 'account_credentials_missing'],
  })
  async syncAll(@Query() _query: AccountScopedDto): Promise<FlowSyncDto> {
    return this.sync.run(await this.accounts.current());
  }

  @Get(':id')
  @Operation({ ...READ, id: 'getFlow', summary: 'Get a flow', answers: FlowDto, errors: ['flow_not_found'] })
  async get(@Param() { id }: IdParam, @Query() _query: AccountScopedDto): Promise<FlowDto> {
    const { id: accountId } = await this.accounts.current();
    return toFlowDto(await this.flows.get(accountId, id));
  }

  @Patch(':id')
  @Operation({
    ...WRITE,
    id: 'updateFlow',
    example: { name: 'Book an appointment, new' },
    summary: 'Change what a flow is called, is for, or asks',
    description: 'The given fields only, at Meta too. Its screens change by upload.',
    answers: FlowDto,
    errors: ['flow_exists', ...MOVE_ERRORS],
  })
  async update(@Param() { id }: IdParam, @Body() body: UpdateFlowDto): Promise<FlowDto> {
    const { flow, forwardSecret } = await this.editor.change(await this.accounts.current(), id, {
      name: body.name,
      categories: body.categories,
      isDynamic: body.is_dynamic,
      endpointUri: body.endpoint_uri,
      forwardUrl: body.forward_url,
    });
    return toFlowDto(flow, { forwardSecret });
  }

  @Delete(':id')
  @Operation({ ...WRITE, id: 'deleteFlow', summary: 'Delete a draft, here and at Meta', errors: MOVE_ERRORS })
  async remove(@Param() { id }: IdParam, @Query() _query: AccountScopedDto): Promise<void> {
    await this.pushes.remove(await this.accounts.current(), id);
  }

  @Post(':id/upload')
  @ApiConsumes('application/json', 'multipart/form-data')
  @ApiExtraModels(UploadFlowDto)
  @ApiBody({
    schema: {
      anyOf: [
        { $ref: getSchemaPath(UploadFlowDto) },
        {
          type: 'object',
          required: ['file'],
          properties: { file: { type: 'string', format: 'binary', description: 'In a form: the JSON as a file.' } },
        },
      ],
    },
  })
  @Operation({
    ...WRITE,
    id: 'uploadFlow',
    summary: 'Give a draft its screens',
    description:
      'As `flow_json` in JSON (up to 4 MB), or as `file` in a form (up to 10 MB, Meta’s limit). It is kept here and uploaded to Meta. Faults that Meta ' +
      'finds are no error: they stand in `validation_errors`, by line.',
    answers: FlowDto,
    errors: ['payload_too_large', ...MOVE_ERRORS],
  })
  async upload(@Param() { id }: IdParam, @Req() request: ParleyRequest): Promise<FlowDto> {
    const upload = async (flowJson: Record<string, unknown>): Promise<FlowDto> => {
      const account = await this.accounts.current();
      await this.pushes.upload(account, id, flowJson);
      return toFlowDto(await this.flows.get(account.id, id));
    };
    if (!isForm(request)) {
      const { flow_json } = await readInto(UploadFlowDto, request.body ?? {});
      return upload(flow_json);
    }
    return withForm(request, async ({ fields, file }) => {
      // Where the account is looked for.
      request.body = fields;
      if (!file) {
        throw invalidField('file', 'required', 'Send the JSON in the field file.');
      }
      return upload(await readFlowFile(file));
    });
  }

  @Post(':id/publish')
  @Operation({
    ...WRITE,
    id: 'publishFlow',
    summary: 'Publish a draft',
    description: 'For good: what is published is only ever deprecated, and changes in a clone.',
    answers: FlowDto,
    errors: MOVE_ERRORS,
  })
  async publish(@Param() { id }: IdParam, @Query() _query: AccountScopedDto): Promise<FlowDto> {
    const account = await this.accounts.current();
    await this.pushes.publish(account, id);
    return toFlowDto(await this.flows.get(account.id, id));
  }

  @Post(':id/deprecate')
  @Operation({
    ...WRITE,
    id: 'deprecateFlow',
    summary: 'Deprecate a published flow',
    description: 'For good: nobody can send or open it any more.',
    answers: FlowDto,
    errors: MOVE_ERRORS,
  })
  async deprecate(@Param() { id }: IdParam, @Query() _query: AccountScopedDto): Promise<FlowDto> {
    const account = await this.accounts.current();
    await this.pushes.deprecate(account, id);
    return toFlowDto(await this.flows.get(account.id, id));
  }

  @Post(':id/clone')
  @Operation({
    ...WRITE,
    id: 'cloneFlow',
    example: { name: 'Book an appointment, copy' },
    summary: 'Make a draft with the screens of this flow',
    description: 'Of any flow, whatever its status; also at Meta.',
    answers: FlowDto,
    status: 201,
    errors: ['flow_not_found', 'flow_exists', ...META_ERRORS],
  })
  async clone(@Param() { id }: IdParam, @Body() { name }: CloneFlowDto): Promise<FlowDto> {
    const { flow } = await this.editor.clone(await this.accounts.current(), id, name);
    return toFlowDto(flow);
  }

  @Get(':id/preview')
  @Operation({
    ...READ,
    id: 'previewFlow',
    summary: 'Get the address where a flow can be looked at',
    description: 'Whoever has it can look, until it expires.',
    answers: FlowPreviewDto,
    errors: ['flow_not_found', 'conflict', ...META_ERRORS],
  })
  async preview(@Param() { id }: IdParam, @Query() { renew = false }: PreviewFlowQuery): Promise<FlowPreviewDto> {
    const { url, expiresAt } = await this.pushes.preview(await this.accounts.current(), id, renew);
    return { preview_url: url, expires_at: expiresAt?.toISOString() ?? null };
  }

  @Post(':id/send')
  @SendOperation({
    id: 'sendFlow',
    example: { phone: '+919876500001', cta: 'Book now', body: 'When would you like to come?' },
    summary: 'Send a flow to somebody',
    description:
      'A draft goes out as a draft, which only people with access to it can open. The answer comes back with the token of this ' +
      'message, and stands in the responses of the flow.',
    tag: 'Flows',
    errors: [...FREE_FORM_ERRORS, 'flow_not_found', 'flow_blocked', 'flow_deprecated', 'conflict'],
  })
  async send(
    @Param() { id }: IdParam,
    @Body() body: SendFlowDto,
    @Query() { force }: SendQuery,
    @Res({ passthrough: true }) reply: FastifyReply,
    @Headers('idempotency-key') idempotencyKey?: string,
  ): Promise<SendResultDto> {
    const to = addressOf(body, this.config.defaultCountry);
    const account = await this.accounts.current();
    return answerSend(await this.sender.send(account, id, to, body, { force, idempotencyKey }), reply);
  }
}
