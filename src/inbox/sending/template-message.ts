import { invalidField } from '../../common/app-error.js';
import { readTemplateParams } from '../../templates/template-params.dto.js';
import {
  isLink,
  mediaReferenceOf,
  mediaTypeOfHeader,
  ownMediaOf,
  type KnownMedia,
  type MediaReference,
} from '../../templates/template-send-header.js';
import { buildComponents } from '../../templates/template-send.js';
import { DELETED, DRAFT } from '../../templates/template-status.js';
import { renderBody, type Template, type TemplateParams } from '../../templates/template.js';
import type { Address } from '../address.js';
import { optionsOf } from '../outgoing.js';
import type { SendTemplateDto } from '../send.dto.js';
import type { Attachment, SendCommand } from './send-command.js';

const HEADER = 'header_params';
/** The fields that Meta's own components stand instead of. */
const PARTS = ['body_params', 'header_params', 'buttons', 'cards', 'limited_time_offer'] as const;

/** A template that is to be sent: our copy, if there is one, and the files of its cards as Meta calls them. */
export interface PreparedTemplate {
  template: Template | null;
  cardMedia: KnownMedia;
}

/** The files of the cards: those of the template, and those that the sender names. That of its header is an attachment. */
export function cardMediaOf(template: Template | null, body: SendTemplateDto): MediaReference[] {
  const carousel = metasCopy(template)?.carousel;
  if (!carousel || body.components) {
    return [];
  }
  const given = (readParams(body).cards ?? []).flatMap((card, index): MediaReference[] => {
    const mediaType = mediaTypeOfHeader(carousel[index]?.header ?? null);
    const reference = mediaReferenceOf(card.header);
    return mediaType === null || reference === undefined ? [] : [{ reference, mediaType }];
  });
  return [...ownMediaOf({ header: null, headerMediaId: null, carousel }), ...given];
}

/**
 * Our copy says what the template needs and renders what the inbox shows; without one Meta decides. A draft, or a copy of what
 * Meta has no longer, only renders: Meta may have another template of that name by now.
 */
export function templateMessage(
  to: Address,
  body: SendTemplateDto,
  { template, cardMedia }: PreparedTemplate,
): SendCommand {
  const known = metasCopy(template);
  if (known?.category === 'AUTHENTICATION' && 'userId' in to) {
    throw invalidField('user_id', 'not_allowed', 'Authentication templates go to phone numbers only: give phone.');
  }
  const options = optionsOf(to, body);
  const params = withOwnFile(known, readParams(body));
  const components = body.components ?? buildComponents(known, params, cardMedia, options.sendAt);
  // Another variant of the language may stand in for the one asked for.
  const language = template?.language ?? body.language;
  return {
    ...options,
    messageType: 'template',
    messageBody:
      template && !body.components
        ? renderBody(template, params.body)
        : (template?.bodyText ?? `[${body.template_name}]`),
    content: {
      type: 'template',
      template: {
        name: body.template_name,
        language: { code: language },
        ...(components.length > 0 ? { components } : {}),
      },
    },
    attachment: body.components ? undefined : headerFile(known, params),
    template: { name: body.template_name, language },
    isFreeForm: false,
  };
}

/** Our copy, as far as it tells what Meta has. */
function metasCopy(template: Template | null): Template | null {
  return template && template.status !== DRAFT && template.status !== DELETED ? template : null;
}

function readParams(body: SendTemplateDto): TemplateParams {
  if (body.components === undefined) {
    return readTemplateParams(
      {
        ...(body.body_params && { body: body.body_params }),
        ...(body.header_params && { header: body.header_params }),
        ...(body.buttons && { buttons: body.buttons }),
        ...(body.cards && { cards: body.cards }),
        ...(body.limited_time_offer && { limited_time_offer: body.limited_time_offer }),
      },
      { header: HEADER, body: 'body_params' },
    );
  }
  if (!Array.isArray(body.components)) {
    throw invalidField('components', 'not_array', 'components must be a list of Meta’s components');
  }
  if (PARTS.some((part) => body[part] !== undefined)) {
    throw invalidField('components', 'exclusive', `Give either components or ${PARTS.join(', ')}.`);
  }
  return {};
}

/** The library's file of a media header, when the sender gives none. */
function withOwnFile(template: Template | null, params: TemplateParams): TemplateParams {
  const own = template?.headerMediaId ?? null;
  const isMedia = mediaTypeOfHeader(template?.header ?? null) !== null;
  if (own === null || !isMedia || mediaReferenceOf(params.header) !== undefined) {
    return params;
  }
  const details = Array.isArray(params.header) ? {} : params.header;
  return { ...params, header: { ...details, id: String(own) } };
}

function headerFile(template: Template | null, { header }: TemplateParams): Attachment | undefined {
  const mediaType = mediaTypeOfHeader(template?.header ?? null);
  const given = mediaReferenceOf(header);
  if (mediaType === null || given === undefined) {
    return undefined;
  }
  return { mediaType, source: isLink(given) ? { link: given } : { name: given, field: HEADER } };
}
