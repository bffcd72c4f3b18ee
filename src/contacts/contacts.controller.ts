import { Readable } from 'node:stream';
import { Body, Controller, Delete, Get, Param, Patch, Post, Query, StreamableFile } from '@nestjs/common';
import { ApiOkResponse } from '@nestjs/swagger';
import { AccountResolver } from '../accounts/account-resolver.js';
import { Config } from '../config/config.js';
import { AccountScopedDto, IdParam } from '../http/common.dto.js';
import { Operation } from '../http/operation.js';
import { EXPORT_FILENAME, EXPORT_HEADER, toCsvLine } from './contact-csv.js';
import { ContactErasureService } from './contact-erasure.service.js';
import {
  ConsentDto,
  ContactDto,
  ContactFilterQuery,
  ContactListDto,
  CreateContactDto,
  DeleteContactQuery,
  ListContactsQuery,
  toContactDto,
  toContactInput,
  UpdateContactDto,
} from './contact.dto.js';
import type { ContactRow } from './contacts.repository.js';
import { ContactsService, type ContactQuery, type Viewer, type Wish } from './contacts.service.js';

const READ = { tag: 'Contacts', scope: 'contacts:read' } as const;
const WRITE = { tag: 'Contacts', scope: 'contacts:write' } as const;

@Controller('contacts')
export class ContactsController {
  constructor(
    private readonly accounts: AccountResolver,
    private readonly contacts: ContactsService,
    private readonly erasure: ContactErasureService,
    private readonly config: Config,
  ) {}

  @Get()
  @Operation({
    ...READ,
    id: 'listContacts',
    summary: 'List contacts, the newest first',
    answers: ContactListDto,
    errors: ['bad_cursor'],
  })
  async list(@Query() query: ListContactsQuery): Promise<ContactListDto> {
    const { limit, cursor } = query;
    const page = await this.contacts.list(await this.viewer(), { ...toQuery(query), limit, cursor });
    return { contacts: page.rows.map(toContactDto), next_cursor: page.nextCursor };
  }

  @Get('export')
  @Operation({
    ...READ,
    id: 'exportContacts',
    summary: 'Download contacts as a CSV file, the oldest first',
    description:
      'The same people as the list with the same filters, with the columns phone, name, email, labels, opted_out, ' +
      'created_at, user_id, username and notes. A cell that a spreadsheet would take for a formula, such as a phone, ' +
      "has one `'` before it, which an import takes away again. The file comes as it is read; a connection that ends " +
      'before the file does means that it is not whole.',
    status: 200,
  })
  @ApiOkResponse({
    description: 'A CSV file.',
    content: {
      'text/csv': {
        schema: { type: 'string' },
        example: 'id,phone,name,email\r\n1,+919876500001,Asha Rao,asha@example.com\r\n',
      },
    },
  })
  async export(@Query() query: ContactFilterQuery): Promise<StreamableFile> {
    const pages = this.contacts.each(await this.viewer(), toQuery(query));
    return new StreamableFile(Readable.from(toCsv(pages), { objectMode: false }), {
      type: 'text/csv; charset=utf-8',
      disposition: `attachment; filename="${EXPORT_FILENAME}"`,
    });
  }

  @Post()
  @Operation({
    ...WRITE,
    id: 'createContact',
    example: { phone: '+919876500009', name: 'Ravi Kumar', email: 'ravi@example.com', labels: ['VIP'] },
    summary: 'Create a contact',
    description:
      'One person is one contact, however the phone is written. With a key that is tied to accounts, a person who is ' +
      'known only to other accounts becomes a contact of this one too, and the answer is that contact.',
    answers: ContactDto,
    status: 201,
    errors: ['contact_exists'],
  })
  async create(@Body() body: CreateContactDto): Promise<ContactDto> {
    const input = toContactInput(body, this.config.defaultCountry);
    return toContactDto(await this.contacts.create(await this.viewer(), input));
  }

  @Get(':id')
  @Operation({ ...READ, id: 'getContact', summary: 'Get a contact', answers: ContactDto, errors: ['not_found'] })
  async get(@Param() { id }: IdParam, @Query() _query: AccountScopedDto): Promise<ContactDto> {
    return toContactDto(await this.contacts.get(await this.viewer(), id));
  }

  @Patch(':id')
  @Operation({
    ...WRITE,
    id: 'updateContact',
    example: { name: 'Asha Rao', notes: 'Prefers mornings.' },
    summary: 'Change a contact',
    description: 'Changes the given fields only. Labels are replaced as a whole.',
    answers: ContactDto,
    errors: ['not_found', 'contact_exists'],
  })
  async update(@Param() { id }: IdParam, @Body() body: UpdateContactDto): Promise<ContactDto> {
    const input = toContactInput(body, this.config.defaultCountry);
    return toContactDto(await this.contacts.update(await this.viewer(), id, input));
  }

  @Post(':id/opt-out')
  @Operation({
    ...WRITE,
    id: 'optOutContact',
    example: { source: 'phone call', reason: 'Asked to be left alone.' },
    summary: 'Note that a contact wants no marketing',
    description: 'Holds in the whole installation. Once is enough; `contact.opted_out` tells of it.',
    answers: ContactDto,
    errors: ['not_found'],
  })
  async optOut(@Param() { id }: IdParam, @Body() body: ConsentDto): Promise<ContactDto> {
    return this.setConsent(id, { optedOut: true, source: body.source, reason: body.reason });
  }

  @Post(':id/opt-in')
  @Operation({
    ...WRITE,
    id: 'optInContact',
    example: { source: 'web form' },
    summary: 'Note that a contact wants marketing again',
    description: 'Holds in the whole installation. `contact.subscribed` tells of who had opted out and is back.',
    answers: ContactDto,
    errors: ['not_found'],
  })
  async optIn(@Param() { id }: IdParam, @Body() body: ConsentDto): Promise<ContactDto> {
    return this.setConsent(id, { optedOut: false, source: body.source, reason: body.reason });
  }

  @Delete(':id')
  @Operation({
    ...WRITE,
    id: 'deleteContact',
    summary: 'Delete a contact',
    description:
      'Only one without conversations. With `erase=true` everything that names the person goes with it: conversations, ' +
      'messages, media, campaign rows, events; it cannot be undone. Of a person who had opted out hashes stay, so that ' +
      'they are opted out should they come back.',
    errors: ['not_found', 'contact_in_use'],
  })
  async remove(@Param() { id }: IdParam, @Query() { erase }: DeleteContactQuery): Promise<void> {
    const viewer = await this.viewer();
    return erase ? this.erasure.erase(viewer, id) : this.contacts.remove(viewer, id);
  }

  private async setConsent(id: number, wish: Wish): Promise<ContactDto> {
    return toContactDto(await this.contacts.setConsent(await this.viewer(), id, wish));
  }

  private async viewer(): Promise<Viewer> {
    return { account: await this.accounts.current(), accountIds: this.accounts.principal.accountIds };
  }
}

function toQuery({ q, label, opted_out: optedOut, is_blocked: isBlocked }: ContactFilterQuery): ContactQuery {
  return { q, label, optedOut, isBlocked };
}

async function* toCsv(pages: AsyncIterable<ContactRow[]>): AsyncGenerator<string> {
  yield EXPORT_HEADER;
  for await (const rows of pages) {
    yield rows.map(toCsvLine).join('');
  }
}
