import { Controller, Get, HttpStatus, Param, Post, Query, Req, Res, StreamableFile } from '@nestjs/common';
import { ApiBody, ApiConsumes, ApiOkResponse, ApiResponse } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { AccountResolver } from '../../accounts/account-resolver.js';
import { AppError, invalidField } from '../../common/app-error.js';
import { AccountScopedDto, IdParam } from '../../http/common.dto.js';
import { isForm, withForm } from '../../http/form.js';
import { Operation } from '../../http/operation.js';
import type { ParleyRequest } from '../../http/principal.js';
import { SAMPLE, SAMPLE_FILENAME } from '../contact-csv.js';
import {
  ContactImportDto,
  ContactImportResultDto,
  StartedContactImportDto,
  toImportDto,
  toResultDto,
} from './contact-import.dto.js';
import { ContactImportsService } from './contact-imports.service.js';

const TAG = 'Contacts';

@Controller()
export class ContactImportsController {
  constructor(
    private readonly accounts: AccountResolver,
    private readonly imports: ContactImportsService,
  ) {}

  @Post('contacts/import')
  @Operation({
    id: 'importContacts',
    summary: 'Import contacts from a CSV file',
    description:
      'The first line names the columns, in any order and case: `phone` (or `user_id`), `name`, `email`, `labels` (or ' +
      '`tags`; separated by commas within the cell, a name with a comma in double quotes), `notes`, `opted_out`. ' +
      'Separated by comma, semicolon or tab. A person is found however the phone is spelled; values that are not empty ' +
      'replace what is known, labels are added, new ones are created, `opted_out: true` opts out and `false` changes ' +
      'nothing. Of lines that name one person twice the later values win. A line that does not say whose it is is ' +
      "skipped; another cell that cannot be read is left out; both are told with the line’s number. One `'` before a " +
      'cell that begins like a formula is taken away, so that an export comes back as it was; `created_at` and ' +
      '`username` are not read. With a key that is tied to accounts, of a person whom only others know just what is ' +
      'empty is filled. A file of more than 10,000 lines is imported in the background: 202 with the import.',
    tag: TAG,
    scope: 'contacts:write',
    answers: ContactImportResultDto,
    errors: ['payload_too_large', 'unsupported_media_type'],
  })
  @ApiResponse({ status: 202, description: 'The file is large: the import goes on.', type: StartedContactImportDto })
  @ApiConsumes('multipart/form-data')
  @ApiBody({
    schema: {
      type: 'object',
      required: ['file'],
      properties: { file: { type: 'string', format: 'binary', description: 'At most 100 MB.' } },
    },
  })
  async create(
    @Req() request: ParleyRequest,
    @Query() _query: AccountScopedDto,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ContactImportResultDto | StartedContactImportDto> {
    if (!isForm(request)) {
      throw new AppError('unsupported_media_type', 'Send multipart/form-data with the field file.');
    }
    return withForm(request, async ({ fields, file }) => {
      const unknown = Object.keys(fields).find((name) => name !== 'account_id');
      if (unknown !== undefined) {
        throw invalidField(unknown, 'unknown_field', `${unknown} is not a field of this request`);
      }
      if (!file) {
        throw invalidField('file', 'required', 'Send the file in the field file.');
      }
      // The form is the body, and may name the account.
      request.body = fields;
      const viewer = { account: await this.accounts.current(), accountIds: this.accounts.principal.accountIds };
      const done = await this.imports.upload(viewer, file.open().stream);
      if (done.status === 'completed') {
        return toResultDto(done);
      }
      void reply.status(HttpStatus.ACCEPTED);
      return { import: toImportDto(done) };
    });
  }

  @Get('contacts/import/sample')
  @Operation({
    id: 'getContactImportSample',
    summary: 'Download a sample file for an import',
    tag: TAG,
    scope: 'contacts:read',
    status: 200,
    accountScoped: false,
  })
  @ApiOkResponse({
    description: 'A CSV file.',
    content: {
      'text/csv': {
        schema: { type: 'string' },
        example: 'phone,name,email,labels\r\n+919876500001,Asha Rao,asha@example.com,VIP\r\n',
      },
    },
  })
  sample(): StreamableFile {
    return new StreamableFile(Buffer.from(SAMPLE), {
      type: 'text/csv; charset=utf-8',
      disposition: `attachment; filename="${SAMPLE_FILENAME}"`,
    });
  }

  @Get('contact-imports/:id')
  @Operation({
    id: 'getContactImport',
    summary: 'Get an import and its progress',
    description: 'Imports are kept for seven days.',
    tag: TAG,
    scope: 'contacts:read',
    answers: ContactImportDto,
    errors: ['not_found'],
  })
  async get(@Param() { id }: IdParam, @Query() _query: AccountScopedDto): Promise<ContactImportDto> {
    return toImportDto(await this.imports.get((await this.accounts.current()).id, id));
  }
}
