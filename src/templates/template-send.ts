import { TemplateParameterError } from './template-parameter-error.js';
import { buttonComponents, buttonSlots, unknownButtonComponents, type ButtonSlot } from './template-send-buttons.js';
import { headerParameters, type HeaderSlot, type KnownMedia } from './template-send-header.js';
import { textParameters, unknownTextParameters, type TextSlots } from './template-send-text.js';
import { variablesOf, type Template, type TemplateCardParams, type TemplateParams } from './template.js';

type Json = Record<string, unknown>;

const NO_MEDIA: KnownMedia = new Map();
const MAX_PRODUCT_CARDS = 10;
const MIN_PRODUCT_CARDS = 2;
const HAS_ZONE = /(Z|[+-]\d{2}:?\d{2})$/i;

/** The parts of a template, or of a card, that take values. */
interface PartSlots {
  header: HeaderSlot;
  bodyPath: string;
  body: TextSlots;
  buttonsPath: string;
  buttons: ButtonSlot[];
}

/**
 * Meta's `components` of a send. What Meta is certain to refuse is found here: values that are missing (131008), too many
 * (132000), of another kind than the template has (132012, 132018). Source: Meta's template pages (components, media and
 * product card carousel, limited-time offer, coupon code, authentication, catalog, multi-product, flow).
 * @param template our copy, or null when there is none: then Meta checks how many values there must be
 * @param media Meta's names of the files of the library that are to be shown
 * @param sendAt when it is sent, if not now: an offer must end later
 * @throws {TemplateParameterError} naming the value
 */
export function buildComponents(
  template: Template | null,
  params: TemplateParams,
  media?: KnownMedia,
  sendAt?: Date,
): Json[] {
  return compileSend(template, media)(params, sendAt);
}

/** The same for many sends of one template: what does not depend on the values is worked out once. */
export function compileSend(
  template: Template | null,
  media: KnownMedia = NO_MEDIA,
): (params: TemplateParams, sendAt?: Date) => Json[] {
  if (!template) {
    return unknownComponents;
  }
  const part = templateSlots(template, media);
  const cards = cardSlots(template, media);
  const isProducts = template.carousel?.[0]?.header.type === 'PRODUCT';
  const isCode = part.buttons.some((button) => button.isCode);
  return (given, sendAt) => {
    const params = isCode ? withCode(given) : given;
    return [
      ...textsOf(part, params),
      ...offerOf(template, params, sendAt),
      ...carouselOf(cards, isProducts, params.cards),
      ...buttonComponents(part.buttonsPath, part.buttons, params.buttons, codeOf(params)),
    ];
  };
}

function unknownComponents(params: TemplateParams, sendAt?: Date): Json[] {
  if (params.cards !== undefined) {
    throw new TemplateParameterError(
      'cards',
      'template_unknown',
      'need a template that is known here: sync the templates, or give components',
    );
  }
  const header = unknownTextParameters('header_params', params.header);
  const body = unknownTextParameters('body_params', params.body);
  return [
    ...component('header', header),
    ...component('body', body),
    ...(params.limited_time_offer ? [offerComponent(params.limited_time_offer, sendAt)] : []),
    ...unknownButtonComponents('buttons', params.buttons),
  ];
}

function templateSlots(template: Template, media: KnownMedia): PartSlots {
  const isNamed = template.parameterFormat === 'NAMED';
  const { header, body } = variablesOf(template);
  return {
    header: {
      path: 'header_params',
      header: template.header,
      text: { names: header, isNamed },
      ownMediaId: template.headerMediaId,
      media,
    },
    bodyPath: 'body_params',
    // Meta writes the body of these, and it always has the code.
    body: { names: template.category === 'AUTHENTICATION' ? ['1'] : body, isNamed },
    buttonsPath: 'buttons',
    buttons: buttonSlots(template.buttons, template.category),
  };
}

function cardSlots(template: Template, media: KnownMedia): PartSlots[] {
  const { category, carousel, parameterFormat } = template;
  const defined = carousel ?? [];
  // Product cards are defined once or twice and sent up to ten times.
  const cards =
    defined[0]?.header.type === 'PRODUCT'
      ? new Array<(typeof defined)[0]>(MAX_PRODUCT_CARDS).fill(defined[0])
      : defined;
  return cards.map((card, index) => {
    const names = variablesOf({ parameterFormat, header: card.header, bodyText: card.body_text });
    const isNamed = parameterFormat === 'NAMED';
    return {
      header: {
        path: `cards.${index}.header`,
        header: card.header,
        text: { names: names.header, isNamed },
        ownMediaId: card.header.media_id ?? null,
        media,
      },
      bodyPath: `cards.${index}.body`,
      body: { names: names.body, isNamed },
      buttonsPath: `cards.${index}.buttons`,
      buttons: buttonSlots(card.buttons, category),
    };
  });
}

function textsOf(part: PartSlots, params: TemplateCardParams): Json[] {
  return [
    ...component('header', headerParameters(part.header, params.header)),
    ...component('body', textParameters(part.bodyPath, params.body, part.body)),
  ];
}

function component(type: string, parameters: readonly unknown[]): Json[] {
  return parameters.length > 0 ? [{ type, parameters }] : [];
}

function offerOf(template: Template, { limited_time_offer: given }: TemplateParams, sendAt?: Date): Json[] {
  const offer = template.limitedTimeOffer;
  if (given === undefined) {
    if (offer?.has_expiration) {
      throw new TemplateParameterError('limited_time_offer.expiration_time_ms', 'missing', 'is missing');
    }
    return [];
  }
  if (!offer) {
    throw new TemplateParameterError('limited_time_offer', 'not_allowed', 'is given, and the template makes none');
  }
  return [offerComponent(given, sendAt)];
}

function offerComponent({ expiration_time_ms: given }: { expiration_time_ms: number | string }, sendAt?: Date): Json {
  const field = 'limited_time_offer.expiration_time_ms';
  const expiration_time_ms = readMoment(given);
  if (Number.isNaN(expiration_time_ms)) {
    throw new TemplateParameterError(field, 'not_a_time', 'must be a time as ISO-8601, or milliseconds since 1970');
  }
  if (expiration_time_ms <= Date.now()) {
    throw new TemplateParameterError(field, 'not_in_the_future', 'must be in the future');
  }
  if (sendAt && expiration_time_ms <= sendAt.getTime()) {
    throw new TemplateParameterError(field, 'before_send_at', 'must be later than send_at');
  }
  return {
    type: 'limited_time_offer',
    parameters: [{ type: 'limited_time_offer', limited_time_offer: { expiration_time_ms } }],
  };
}

/** A time without a zone is UTC, as elsewhere in the API, whatever the zone of the server. */
function readMoment(given: number | string): number {
  if (typeof given === 'number' || /^\d+$/.test(given)) {
    return Math.trunc(Number(given));
  }
  const [date, time = ''] = /^(\d{4}-\d\d-\d\d)(.*)$/.exec(given)?.slice(1) ?? [];
  if (date === undefined) {
    return Number.NaN;
  }
  return Date.parse(time === '' || HAS_ZONE.test(time) ? given : `${given}Z`);
}

function carouselOf(
  slots: readonly PartSlots[],
  isProducts: boolean,
  given: readonly TemplateCardParams[] | undefined,
): Json[] {
  if (slots.length === 0) {
    if (given !== undefined && given.length > 0) {
      throw new TemplateParameterError('cards', 'not_allowed', 'are given, and the template is no carousel');
    }
    return [];
  }
  const isRight = isProducts
    ? given !== undefined && given.length >= MIN_PRODUCT_CARDS && given.length <= MAX_PRODUCT_CARDS
    : given === undefined || given.length === slots.length;
  if (!isRight) {
    const count = isProducts ? `${MIN_PRODUCT_CARDS} to ${MAX_PRODUCT_CARDS}` : `exactly ${slots.length}`;
    throw new TemplateParameterError('cards', 'wrong_count', `must be ${count}`);
  }
  const sent = isProducts ? slots.slice(0, given?.length) : slots;
  const cards = sent.map((slot, card_index) => {
    const params = given?.[card_index] ?? {};
    return {
      card_index,
      components: [
        ...textsOf(slot, params),
        ...buttonComponents(slot.buttonsPath, slot.buttons, params.buttons, undefined),
      ],
    };
  });
  return [{ type: 'carousel', cards }];
}

/** A code stands in the body and in the button that copies it; who gives it to either has given it to both. */
function withCode(params: TemplateParams): TemplateParams {
  if (codeOf(params) !== undefined) {
    return params;
  }
  const [button] = params.buttons ?? [];
  const code = button?.text ?? button?.payload;
  return code === undefined ? params : { ...params, body: [code] };
}

function codeOf({ body }: TemplateParams): string | undefined {
  return body && Object.values(body)[0];
}
