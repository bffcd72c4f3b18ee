import { Body, Controller, Delete, Get, Param, Patch, Post, Query } from '@nestjs/common';
import { AccountResolver } from '../accounts/account-resolver.js';
import { Config } from '../config/config.js';
import { AccountScopedDto, IdParam } from '../http/common.dto.js';
import { Operation } from '../http/operation.js';
import {
  ContactDto,
  ContactListDto,
  CreateContactDto,
  ListContactsQuery,
  toContactDto,
  toContactInput,
  UpdateContactDto,
} from './contact.dto.js';
import { ContactsService, type Viewer } from './contacts.service.js';

const READ = { tag: 'Contacts', scope: 'contacts:read' } as const;
const WRITE = { tag: 'Contacts', scope: 'contacts:write' } as const;

@Controller('contacts')
export class ContactsController {
  constructor(
    private readonly accounts: AccountResolver,
    private readonly contacts: ContactsService,
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
    const { q, label, opted_out: optedOut, is_blocked: isBlocked, limit, cursor } = query;
    const page = await this.contacts.list(await this.viewer(), { q, label, optedOut, isBlocked, limit, cursor });
    return { contacts: page.rows.map(toContactDto), next_cursor: page.nextCursor };
  }

  @Post()
  @Operation({
    ...WRITE,
    id: 'createContact',
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
    summary: 'Change a contact',
    description: 'Changes the given fields only. Labels are replaced as a whole.',
    answers: ContactDto,
    errors: ['not_found', 'contact_exists'],
  })
  async update(@Param() { id }: IdParam, @Body() body: UpdateContactDto): Promise<ContactDto> {
    const input = toContactInput(body, this.config.defaultCountry);
    return toContactDto(await this.contacts.update(await this.viewer(), id, input));
  }

  @Delete(':id')
  @Operation({
    ...WRITE,
    id: 'deleteContact',
    summary: 'Delete a contact',
    description: 'Only one without conversations.',
    errors: ['not_found', 'contact_in_use'],
  })
  async remove(@Param() { id }: IdParam, @Query() _query: AccountScopedDto): Promise<void> {
    await this.contacts.remove(await this.viewer(), id);
  }

  private async viewer(): Promise<Viewer> {
    return { account: await this.accounts.current(), accountIds: this.accounts.principal.accountIds };
  }
}
