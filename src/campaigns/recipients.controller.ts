import { Readable } from 'node:stream';
import { Controller, Get, Param, Query, StreamableFile } from '@nestjs/common';
import { ApiOkResponse } from '@nestjs/swagger';
import { AccountResolver } from '../accounts/account-resolver.js';
import { IdParam } from '../http/common.dto.js';
import { Operation } from '../http/operation.js';
import { RecipientCsv } from './outcome/recipient-csv.js';
import {
  ListRecipientsQuery,
  RecipientFilterQuery,
  RecipientListDto,
  toRecipientDto,
  toRecipientFilter,
} from './outcome/recipient.dto.js';
import { RecipientsService, type RecipientExport } from './recipients.service.js';

const READ = { tag: 'Campaigns', scope: 'campaigns:read' } as const;

@Controller('campaigns')
export class RecipientsController {
  constructor(
    private readonly accounts: AccountResolver,
    private readonly recipients: RecipientsService,
  ) {}

  @Get(':id/recipients')
  @Operation({
    ...READ,
    id: 'listCampaignRecipients',
    summary: 'List the recipients of a campaign and what became of each',
    answers: RecipientListDto,
    errors: ['not_found', 'bad_cursor'],
  })
  async list(@Param() { id }: IdParam, @Query() query: ListRecipientsQuery): Promise<RecipientListDto> {
    const page = await this.recipients.list(await this.accounts.current(), id, toRecipientFilter(query), query);
    return { recipients: page.rows.map(toRecipientDto), next_cursor: page.nextCursor };
  }

  @Get(':id/recipients/export')
  @Operation({
    ...READ,
    id: 'exportCampaignRecipients',
    summary: 'Download the recipients of a campaign as a CSV file',
    description:
      'The same people as the list with the same filters, with what became of each, and the columns of the audience behind; ' +
      'uploaded to another campaign, the file is its audience. A cell that a spreadsheet would take for a formula, such as ' +
      "a phone, has one `'` before it. The file comes as it is read: of a running campaign each page is as new as it can " +
      'be, and a connection that ends before the file does means that it is not whole.',
    status: 200,
    errors: ['not_found'],
  })
  @ApiOkResponse({
    description: 'A CSV file.',
    content: {
      'text/csv': {
        schema: { type: 'string' },
        example:
          'line,phone,user_id,name,status,skip_reason,error_code,error_message,message_id,sent_at,delivered_at,read_at,' +
          "replied_at,opted_out_at,cost,variant,order_id\r\n2,'+919876500001,,Asha Rao,failed,,131026," +
          'Message undeliverable: the number is not on WhatsApp.,,,,,,,,,ORD-1042\r\n',
      },
    },
  })
  async export(@Param() { id }: IdParam, @Query() query: RecipientFilterQuery): Promise<StreamableFile> {
    const file = await this.recipients.export(await this.accounts.current(), id, toRecipientFilter(query));
    return new StreamableFile(Readable.from(toCsv(file), { objectMode: false }), {
      type: 'text/csv; charset=utf-8',
      disposition: `attachment; filename="campaign_${id}_recipients.csv"`,
    });
  }
}

async function* toCsv({ parameterNames, variantNames, pages }: RecipientExport): AsyncGenerator<string> {
  const csv = new RecipientCsv(parameterNames, variantNames);
  yield csv.header();
  for await (const rows of pages) {
    yield rows.map((row) => csv.line(row)).join('');
  }
}
