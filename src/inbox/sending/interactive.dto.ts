import { AnyJson, JsonObject, ListOf, OneOf, OptionalText, Text } from '../../http/fields.js';
import { ReplyDto } from '../send.dto.js';

export const INTERACTIVE_TYPES = ['buttons', 'list', 'cta_url', 'location_request', 'flow'] as const;
export type InteractiveType = (typeof INTERACTIVE_TYPES)[number];

export class ReplyButtonDto {
  @Text({ max: 256, description: 'Comes back when the customer taps it; unique in the message.', example: 'yes' })
  id: string;

  @Text({ max: 20, description: 'Unique in the message.', example: 'Yes, please' })
  title: string;
}

export class ListRowDto {
  @Text({ max: 200, description: 'Comes back when the customer chooses it; unique in the message.', example: 'slot-1' })
  id: string;

  @Text({ max: 24, example: 'Monday, 10:00' })
  title: string;

  @OptionalText({ max: 72, example: '30 minutes with Ravi' })
  description?: string;
}

export class ListSectionDto {
  @OptionalText({ max: 24, description: 'Required when there is more than one section.', example: 'This week' })
  title?: string;

  @ListOf(() => ListRowDto, { maxItems: 10, description: 'At most 10 rows in all sections together.' })
  rows: ListRowDto[];
}

/** A header, as a request writes it. */
export interface HeaderInput {
  type: 'text' | 'image' | 'video' | 'document';
  text?: string;
  media_id?: string;
  link?: string;
  filename?: string;
}

const HEADER = {
  oneOf: [
    { type: 'string', maxLength: 60 },
    {
      type: 'object',
      required: ['type'],
      properties: {
        type: { type: 'string', enum: ['text', 'image', 'video', 'document'] },
        text: { type: 'string', maxLength: 60 },
        media_id: { type: 'string' },
        link: { type: 'string', format: 'uri' },
        filename: { type: 'string', maxLength: 240 },
      },
    },
  ],
};

/** One flat body for every kind; which fields belong to which kind stands in the examples. */
export class SendInteractiveDto extends ReplyDto {
  @OneOf(INTERACTIVE_TYPES, { optional: true, description: 'Required unless `interactive` is given.' })
  type?: InteractiveType;

  @Text({
    max: 4_096,
    optional: true,
    description: 'Up to 4,096 characters of a list, 1,024 of all others.',
    example: 'Shall we deliver tomorrow?',
  })
  body?: string;

  @AnyJson({
    optional: true,
    schema: HEADER as never,
    description:
      'A text, or `{type: text|image|video|document}` with `text`, or with `media_id` or `link`. A list takes a text, a ' +
      'location request none.',
    example: 'Your order',
  })
  header?: unknown;

  @OptionalText({ max: 60, example: 'Reply within a day' })
  footer?: string;

  @ListOf(() => ReplyButtonDto, { optional: true, maxItems: 3, description: 'Of `buttons`: 1 to 3.' })
  buttons?: ReplyButtonDto[];

  @Text({ max: 20, optional: true, description: 'Of a `list`: what opens it.', example: 'Choose a slot' })
  button?: string;

  @ListOf(() => ListSectionDto, { optional: true, maxItems: 10, description: 'Of a `list`: 1 to 10.' })
  sections?: ListSectionDto[];

  @Text({ max: 20, optional: true, description: 'Of `cta_url`: what the button says.', example: 'Track order' })
  display_text?: string;

  @Text({ max: 2_000, optional: true, description: 'Of `cta_url`.', example: 'https://example.com/orders/42' })
  url?: string;

  @Text({ max: 200, optional: true, description: 'Of a `flow`: this or flow_name.', example: '1234567890' })
  flow_id?: string;

  @Text({ max: 200, optional: true, description: 'Of a `flow`: this or flow_id.', example: 'book_appointment' })
  flow_name?: string;

  @Text({ max: 30, optional: true, description: 'Of a `flow`: what the button says.', example: 'Book now' })
  flow_cta?: string;

  @Text({
    max: 1_024,
    optional: true,
    description: 'Of a `flow`: comes back with the answer; made here when it is left out.',
  })
  flow_token?: string;

  @OneOf(['published', 'draft'], { optional: true, description: 'Of a `flow`.' })
  flow_mode?: string;

  @OneOf(['navigate', 'data_exchange'], { optional: true, description: 'Of a `flow`.' })
  flow_action?: string;

  @Text({ max: 200, optional: true, description: 'Of a `flow` that navigates: its first screen.', example: 'WELCOME' })
  flow_screen?: string;

  @JsonObject({ optional: true, description: 'Of a `flow` that navigates: data of the first screen.' })
  flow_data?: Record<string, unknown>;

  @JsonObject({
    optional: true,
    description: 'Meta’s own `interactive` object, instead of all the fields above.',
    example: {
      type: 'button',
      body: { text: 'Shall we deliver tomorrow?' },
      action: { buttons: [{ type: 'reply', reply: { id: 'yes', title: 'Yes' } }] },
    },
  })
  interactive?: Record<string, unknown>;
}

const TO = { phone: '+919876500001' };

/** For the OpenAPI document: one of each kind. */
export const INTERACTIVE_EXAMPLES = {
  buttons: {
    summary: 'Reply buttons',
    value: {
      ...TO,
      type: 'buttons',
      header: 'Your order',
      body: 'Shall we deliver tomorrow?',
      footer: 'Reply within a day',
      buttons: [
        { id: 'yes', title: 'Yes, please' },
        { id: 'later', title: 'Later' },
      ],
    },
  },
  list: {
    summary: 'A list to choose from',
    value: {
      ...TO,
      type: 'list',
      body: 'When may we call?',
      button: 'Choose a slot',
      sections: [
        { title: 'This week', rows: [{ id: 'slot-1', title: 'Monday, 10:00', description: '30 minutes with Ravi' }] },
        { title: 'Next week', rows: [{ id: 'slot-2', title: 'Tuesday, 15:00' }] },
      ],
    },
  },
  cta_url: {
    summary: 'A button that opens a page',
    value: {
      ...TO,
      type: 'cta_url',
      header: { type: 'image', link: 'https://example.com/parcel.jpg' },
      body: 'Your parcel is on its way.',
      display_text: 'Track order',
      url: 'https://example.com/orders/42',
    },
  },
  location_request: {
    summary: 'Ask for the customer’s location',
    value: { ...TO, type: 'location_request', body: 'Where shall we deliver?' },
  },
  flow: {
    summary: 'Open a flow',
    value: {
      ...TO,
      type: 'flow',
      body: 'Book your appointment.',
      flow_id: '1234567890',
      flow_cta: 'Book now',
      flow_screen: 'WELCOME',
      flow_data: { service: 'checkup' },
    },
  },
  raw: {
    summary: 'Meta’s own object',
    value: {
      ...TO,
      interactive: {
        type: 'button',
        body: { text: 'Shall we deliver tomorrow?' },
        action: { buttons: [{ type: 'reply', reply: { id: 'yes', title: 'Yes' } }] },
      },
    },
  },
};
