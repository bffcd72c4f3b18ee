import { IntersectionType } from '@nestjs/swagger';
import { requirePhoneNumber, withoutPlus } from '../common/phone-number.js';
import { AccountScopedDto, NextCursor, PageQuery } from '../http/common.dto.js';
import { AnyJson, Bool, Id, ListOf, OptionalText, Phone, Text, Timestamp } from '../http/fields.js';
import type { ContactInput } from './contacts.service.js';
import type { ContactRow } from './contacts.repository.js';
import { readLabelReferences } from './labels.service.js';

export const MAX_LABELS = 50;
/** Source of the form: Meta's business-scoped user ids page. */
export const USER_ID = /^[A-Z]{2}\.(ENT\.)?[A-Za-z0-9]{1,128}$/;
/** Longest texts, in characters. */
export const LIMITS = { name: 255, email: 254, notes: 10_000 } as const;
export const EMAIL_OR_NONE = /^([^\s@]+@[^\s@]+)?$/;

/** A new contact, or what changes of one. */
export class CreateContactDto extends AccountScopedDto {
  @Phone({ optional: true, nullable: true, description: 'In any spelling. Needed unless user_id is given.' })
  phone?: string | null;

  @Text({
    optional: true,
    max: 150,
    pattern: USER_ID,
    patternHint: 'must have the form IN.13491208655302741918',
    description: "Meta's business-scoped user id, within the account's portfolio.",
    example: 'IN.13491208655302741918',
  })
  user_id?: string;

  @OptionalText({ max: LIMITS.name, example: 'Asha Rao' })
  name?: string;

  @Text({
    optional: true,
    min: 0,
    max: LIMITS.email,
    pattern: EMAIL_OR_NONE,
    patternHint: 'must be an email address',
    example: 'asha@example.com',
  })
  email?: string;

  @OptionalText({ max: LIMITS.notes, description: 'For your own people only.', example: 'Prefers mornings' })
  notes?: string;

  @AnyJson({
    optional: true,
    schema: {
      type: 'array',
      maxItems: MAX_LABELS,
      items: {
        oneOf: [
          { type: 'integer', minimum: 1 },
          { type: 'string', minLength: 1, maxLength: 50 },
        ],
      },
    } as never,
    description: 'A number is the id of a label, a string its name; names that are new become labels.',
    example: ['VIP', 3],
  })
  labels?: unknown;

  @Bool({ optional: true, description: 'Wants no marketing: campaigns leave them out.' })
  opted_out?: boolean;
}

/** Changes the given fields only; labels are replaced as a whole. */
export class UpdateContactDto extends CreateContactDto {}

/** What the person said about marketing. */
export class ConsentDto extends AccountScopedDto {
  @OptionalText({ max: 50, description: 'How they said so; `api` unless given.', example: 'phone call' })
  source?: string;

  @OptionalText({ max: 500, description: 'Told in the event; not kept.', example: 'Asked for fewer messages' })
  reason?: string;
}

/** Which contacts; without any of these all that the key may see. */
export class ContactFilterQuery extends AccountScopedDto {
  @OptionalText({
    max: 100,
    description: 'Part of name, email, username or phone (in any spelling), or a whole user id.',
    example: 'asha',
  })
  q?: string;

  @Text({ optional: true, max: 50, description: 'Id of a label, else its name.', example: 'VIP' })
  label?: string;

  @Bool({ optional: true, description: 'Only those who want no marketing, or only those who do not mind.' })
  opted_out?: boolean;

  @Bool({ optional: true, description: 'Blocked by the account.' })
  is_blocked?: boolean;
}

export class ListContactsQuery extends IntersectionType(PageQuery, ContactFilterQuery) {}

export class DeleteContactQuery extends AccountScopedDto {
  @Bool({ optional: true, default: false, description: 'Erases everything that names the person.' })
  erase?: boolean;
}

export class ContactLabelDto {
  @Id()
  id: number;

  @Text({ max: 50, example: 'VIP' })
  name: string;

  @Text({ max: 20, example: 'amber' })
  color: string;
}

/** A person. Identities are those the account knows them by. */
export class ContactDto {
  @Id()
  id: number;

  @Phone({ nullable: true, description: 'E.164 with its plus; null when only a user id is known.' })
  phone: string | null;

  @Text({ max: 20, nullable: true, description: 'The phone without its plus.', example: '919876500001' })
  normalized_phone: string | null;

  @Text({
    max: 20,
    nullable: true,
    description: 'As WhatsApp writes the number; in some countries it differs from the phone.',
    example: '919876500001',
  })
  wa_id: string | null;

  @Text({
    max: 150,
    nullable: true,
    description: "The newest user id in the account's portfolio.",
    example: 'IN.13491208655302741918',
  })
  user_id: string | null;

  @Text({ max: 150, nullable: true, example: null })
  parent_user_id: string | null;

  @Text({ max: 512, nullable: true, description: 'Without its @.', example: 'asha.rao' })
  username: string | null;

  @Text({ min: 0, max: 255, example: 'Asha Rao' })
  name: string;

  @Text({ min: 0, max: 512, description: 'The name, else the username, else the phone.', example: 'Asha Rao' })
  display_name: string;

  @Text({ min: 0, max: 254, example: 'asha@example.com' })
  email: string;

  @ListOf(() => ContactLabelDto)
  labels: ContactLabelDto[];

  @Text({ min: 0, max: 10_000, example: '' })
  notes: string;

  @Bool()
  opted_out: boolean;

  @Timestamp({ nullable: true })
  opted_out_at: string | null;

  @Text({ max: 50, nullable: true, description: 'How they opted out.', example: 'api' })
  opted_out_source: string | null;

  @Bool({ description: 'Blocked by the account.' })
  is_blocked: boolean;

  @Id({ nullable: true, description: 'The signup that brought them.', example: null })
  subscribed_via_signup: number | null;

  @Timestamp({ nullable: true })
  subscribed_at: string | null;

  @Timestamp()
  created_at: string;

  @Timestamp()
  updated_at: string;
}

export class ContactListDto {
  @ListOf(() => ContactDto)
  contacts: ContactDto[];

  @NextCursor()
  next_cursor: string | null;
}

/** @throws `400 validation_failed` naming the phone or the label that cannot be read */
export function toContactInput(body: CreateContactDto, defaultCountry: string | null): ContactInput {
  const { phone, labels } = body;
  return {
    ...(phone === undefined ? {} : { phone: phone === null ? null : requirePhoneNumber(phone, defaultCountry) }),
    ...(labels === undefined ? {} : { labels: readLabelReferences(labels, MAX_LABELS) }),
    userId: body.user_id,
    name: body.name,
    email: body.email,
    notes: body.notes,
    optedOut: body.opted_out,
  };
}

/** The newest name of this kind that the account knows the person by. */
export function newestIdentity(row: ContactRow, kind: string, except?: string | null): string | null {
  return row.identities.findLast((identity) => identity.kind === kind && identity.value !== except)?.value ?? null;
}

export function toContactDto(row: ContactRow): ContactDto {
  const username = newestIdentity(row, 'username');
  const userId = newestIdentity(row, 'user_id');
  const waId = row.phone && (newestIdentity(row, 'phone', row.phone) ?? row.phone);
  return {
    id: row.id,
    phone: row.phone,
    normalized_phone: row.phone && withoutPlus(row.phone),
    wa_id: waId && withoutPlus(waId),
    user_id: userId,
    parent_user_id: newestIdentity(row, 'parent_user_id'),
    username,
    name: row.name,
    display_name: row.name || (username ?? row.phone ?? userId ?? ''),
    email: row.email,
    labels: row.labels,
    notes: row.notes,
    opted_out: row.opted_out,
    opted_out_at: row.opted_out_at?.toISOString() ?? null,
    opted_out_source: row.opted_out_source,
    is_blocked: row.is_blocked,
    subscribed_via_signup: row.subscribed_via_signup_id,
    subscribed_at: row.subscribed_at?.toISOString() ?? null,
    created_at: row.created_at.toISOString(),
    updated_at: row.updated_at.toISOString(),
  };
}
