import { AppError } from '../../src/common/app-error.js';
import { unmappedOf } from '../../src/campaigns/parameter-plan.js';
import { checkMappings, mediaOfCampaign, type Mappings } from '../../src/campaigns/parameters.js';
import { composeMessage, type ComposedMessage, type SendingCampaign } from '../../src/campaigns/sending/preparation.js';
import type { MappedRecipient } from '../../src/campaigns/recipient-fields.js';
import type { Template, TemplateCard } from '../../src/templates/template.js';

const template = (changes: Partial<Template> = {}): Template => ({
  id: 1,
  accountId: 1,
  name: 'order_update',
  language: 'en',
  category: 'UTILITY',
  status: 'APPROVED',
  parameterFormat: 'POSITIONAL',
  header: null,
  bodyText: 'Hi {{1}}, your order {{2}} is on its way.',
  footerText: '',
  buttons: [],
  limitedTimeOffer: null,
  carousel: null,
  headerMediaId: null,
  ...changes,
});
const plain = (changes: Partial<Template>): Template => template({ bodyText: 'Hello there.', ...changes });
const recipient = (
  parameters: Record<string, string> = {},
  changes: Partial<MappedRecipient> = {},
): MappedRecipient => ({
  phone: '+919876500001',
  userId: null,
  name: 'Asha Rao',
  parameters,
  ...changes,
});
const compose = (
  given: Template,
  parameterMappings: Mappings,
  to: MappedRecipient,
  changes: Partial<SendingCampaign> = {},
): ComposedMessage =>
  composeMessage(
    { id: 1, template: given, parameterMappings, missingVariables: 'skip', defaultValue: '', ...changes },
    to,
  );
/** Meta's components of the message. */
const components = (...given: Parameters<typeof compose>): unknown => {
  const message = compose(...given);
  return 'error' in message ? message : (message.content.template as { components: unknown }).components;
};
const texts = (...values: string[]): object[] => values.map((text) => ({ type: 'text', text }));
const body = (...values: string[]): object => ({ type: 'body', parameters: texts(...values) });
const header = (parameter: object): object => ({ type: 'header', parameters: [parameter] });
const button = (index: number, sub_type: string, parameter: object): object => ({
  type: 'button',
  sub_type,
  index,
  parameters: [parameter],
});
const missing = (variables: string): object => ({
  skip: 'missing_variable',
  error: `No value for the template's variable ${variables}`,
});

describe('parameter mappings', () => {
  it.each<[string, unknown]>([
    ['1', 'name'],
    ['10', { field: 'order_id' }],
    ['first_name', { field: 'name', default: 'friend' }],
    ['2', { default: 'friend' }],
    ['header.1', { value: 'SAVE20' }],
    ['header', 'picture'],
    ['header.link', 'picture'],
    ['header.latitude', 'lat'],
    ['buttons.0', 'order_id'],
    ['cards.0.body.1', 'shoe'],
    ['cards.9.header', 'picture'],
    ['cards.0.header.product_retailer_id', 'sku'],
    ['cards.0.buttons.1', 'sku'],
    ['limited_time_offer.expiration', 'ends'],
  ])('may say what %s is: %j', (key, mapping) => {
    expect(checkMappings({ [key]: mapping })).toEqual({ [key]: mapping });
  });

  it.each<[string, unknown, string]>([
    ['first name', 'name', 'invalid_variable'],
    ['', 'name', 'invalid_variable'],
    ['header.', 'name', 'invalid_variable'],
    ['header.1.2', 'name', 'invalid_variable'],
    ['buttons', null, 'invalid_mapping'],
    ['buttons.10', 'name', 'invalid_variable'],
    ['buttons.x', 'name', 'invalid_variable'],
    ['cards.0', 'name', 'invalid_variable'],
    ['cards.0.body', 'name', 'invalid_variable'],
    ['cards.10.header', 'name', 'invalid_variable'],
    ['limited_time_offer.end', 'name', 'invalid_variable'],
    ['x'.repeat(65), 'name', 'invalid_variable'],
    ['1', 7, 'invalid_mapping'],
    ['1', null, 'invalid_mapping'],
    ['1', {}, 'invalid_mapping'],
    ['1', ['name'], 'invalid_mapping'],
    ['1', { field: 1 }, 'invalid_mapping'],
    ['1', { field: 'name', other: 'x' }, 'invalid_mapping'],
    ['1', { value: 'x', field: 'name' }, 'invalid_mapping'],
  ])('may not have %j: %j', (key, mapping, code) => {
    let error: unknown;
    try {
      checkMappings({ [key]: mapping });
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(AppError);
    const { errors } = (error as AppError).options;
    expect(errors).toMatchObject([{ field: `parameter_mappings.${key}`, code }]);
  });
});

describe("a campaign's message", () => {
  it('has the variables in numeric order, not in the order of their names', () => {
    const many = template({ bodyText: Array.from({ length: 11 }, (_, n) => `{{${n + 1}}}`).join(' and ') });
    const mappings = Object.fromEntries(Array.from({ length: 11 }, (_, n) => [String(11 - n), `c${11 - n}`]));
    const columns = Object.fromEntries(Array.from({ length: 11 }, (_, n) => [`c${n + 1}`, `v${n + 1}`]));
    expect(components(many, mappings, recipient(columns))).toEqual([
      body(...Array.from({ length: 11 }, (_, n) => `v${n + 1}`)),
    ]);
  });

  it('is rendered for the inbox', () => {
    expect(compose(template(), { 1: 'name', 2: 'order_id' }, recipient({ order_id: 'A-1' }))).toMatchObject({
      messageBody: 'Hi Asha Rao, your order A-1 is on its way.',
      content: { type: 'template', template: { name: 'order_update', language: { code: 'en' } } },
    });
  });

  it.each<[string, string, Partial<MappedRecipient>]>([
    ['name', 'Asha Rao', {}],
    ['display_name', 'Asha Rao', {}],
    ['display_name', '+919876500001', { name: '' }],
    ['first_name', 'Asha', {}],
    ['last_name', 'Rao', {}],
    ['First_Name', 'Asha', {}],
    ['phone', '+919876500001', {}],
    ['user_id', 'IN.1', { userId: 'IN.1' }],
    ['email', 'a@example.com', { parameters: { email: 'a@example.com' } }],
    ['City', 'Pune', { parameters: { city: 'Pune' } }],
    ['city', 'Pune', { parameters: { CITY: 'Pune' } }],
    ['first_name', 'Ash', { parameters: { first_name: 'Ash' } }],
    ['first_name', 'Asha', { parameters: { first_name: '' } }],
  ])('may show the field %s: %s', (field, value, changes) => {
    expect(components(template({ bodyText: 'Hi {{1}}!' }), { 1: field }, recipient({}, changes))).toEqual([
      body(value),
    ]);
  });

  it('takes the field of the same name for a variable that nothing is mapped to', () => {
    const named = template({ parameterFormat: 'NAMED', bodyText: 'Hi {{first_name}}, take {{code}}.' });
    expect(components(named, {}, recipient({ code: 'X' }))).toEqual([
      {
        type: 'body',
        parameters: [
          { type: 'text', parameter_name: 'first_name', text: 'Asha' },
          { type: 'text', parameter_name: 'code', text: 'X' },
        ],
      },
    ]);
    const titled = plain({ header: { type: 'TEXT', text: 'For {{1}}' } });
    expect(components(titled, { 1: 'name' }, recipient())).toEqual([header({ type: 'text', text: 'Asha Rao' })]);
    expect(components(titled, { 1: 'name', 'header.1': 'city' }, recipient({ city: 'Pune' }))).toEqual([
      header({ type: 'text', text: 'Pune' }),
    ]);
  });

  it('takes a default for one variable, and a text for everybody', () => {
    const mappings = { 1: { field: 'nick', default: 'friend' }, 2: { value: 'A-1' } };
    expect(components(template(), mappings, recipient())).toEqual([body('friend', 'A-1')]);
    expect(components(template(), mappings, recipient({ nick: 'Ash' }))).toEqual([body('Ash', 'A-1')]);
  });

  it('is not made of what every object has', () => {
    const odd = template({ parameterFormat: 'NAMED', bodyText: 'Hi {{constructor}} and {{__proto__}}!' });
    expect(compose(odd, {}, recipient())).toEqual(missing('constructor, __proto__'));
    expect(compose(template(), { 1: 'constructor', 2: '__proto__' }, recipient())).toEqual(missing('1, 2'));
  });

  describe('without a value', () => {
    it('is not sent: the person is skipped, and told why', () => {
      expect(compose(template(), { 1: 'name', 2: 'order_id' }, recipient())).toEqual(missing('2'));
      expect(compose(template(), { 1: 'name', 2: 'order_id' }, recipient({ order_id: '' }))).toEqual(missing('2'));
    });

    it("shows the campaign's default instead, where it has one", () => {
      const settings = { missingVariables: 'default', defaultValue: 'soon' } as const;
      expect(components(template(), { 1: 'name', 2: 'order_id' }, recipient(), settings)).toEqual([
        body('Asha Rao', 'soon'),
      ]);
      expect(compose(template(), {}, recipient(), { ...settings, defaultValue: '' })).toEqual(missing('1, 2'));
    });

    it('has no default for what is no text: an address, a code, a file', () => {
      const settings = { missingVariables: 'default', defaultValue: 'friend' } as const;
      const given = plain({
        header: { type: 'IMAGE' },
        buttons: [
          { type: 'URL', text: 'Track', url: 'https://example.com/{{1}}' },
          { type: 'COPY_CODE', text: 'Copy' },
        ],
      });
      expect(compose(given, { 'buttons.0': 'order_id' }, recipient(), settings)).toEqual(
        missing('header, buttons.0, buttons.1'),
      );
    });
  });

  it('fails with a value that Meta refuses, which is named', () => {
    expect(compose(template(), { 1: 'name', 2: 'order_id' }, recipient({ order_id: 'two\nlines' }))).toEqual({
      error: 'body_params.2 must not contain line breaks, tabs or more than four spaces in a row',
    });
  });

  it('shows the file that a column names, or the one of the template', () => {
    const picture = plain({ header: { type: 'IMAGE' }, headerMediaId: 7 });
    const media = new Map([
      ['7', { mediaId: 'meta-7', filename: null }],
      ['8', { mediaId: 'meta-8', filename: null }],
    ]);
    const link = 'https://example.com/a.png';
    const image = (of: object): object[] => [header({ type: 'image', image: of })];
    expect(components(picture, { header: 'picture' }, recipient({ picture: link }), { media })).toEqual(
      image({ link }),
    );
    expect(components(picture, { header: 'picture' }, recipient(), { media })).toEqual(image({ id: 'meta-7' }));
    expect(components(picture, {}, recipient(), { media })).toEqual(image({ id: 'meta-7' }));
    expect(components(picture, { 'header.id': { value: '8' } }, recipient(), { media })).toEqual(
      image({ id: 'meta-8' }),
    );
    expect(compose(plain({ header: { type: 'IMAGE' } }), { header: 'picture' }, recipient())).toEqual(
      missing('header'),
    );
    // Its own file could not be had.
    expect(compose(picture, {}, recipient())).toEqual(missing('header_params'));
  });

  it('names a document', () => {
    const bill = plain({ header: { type: 'DOCUMENT' } });
    const columns = { bill: 'https://example.com/1.pdf', nr: 'Bill 1.pdf' };
    expect(components(bill, { header: 'bill', 'header.filename': 'nr' }, recipient(columns))).toEqual([
      header({ type: 'document', document: { link: columns.bill, filename: columns.nr } }),
    ]);
  });

  it('shows a place, and a product', () => {
    const columns = { lat: '18.5', longitude: '73.8', shop: 'Pune', sku: 'S-1' };
    expect(
      components(
        plain({ header: { type: 'LOCATION' } }),
        { 'header.latitude': 'lat', 'header.name': 'shop' },
        recipient(columns),
      ),
    ).toEqual([header({ type: 'location', location: { latitude: '18.5', longitude: '73.8', name: 'Pune' } })]);
    expect(
      components(
        plain({ header: { type: 'PRODUCT' } }),
        { header: 'sku', 'header.catalog_id': { value: '42' } },
        recipient(columns),
      ),
    ).toEqual([header({ type: 'product', product: { product_retailer_id: 'S-1', catalog_id: '42' } })]);
    expect(compose(plain({ header: { type: 'LOCATION' } }), {}, recipient())).toEqual(
      missing('header.latitude, header.longitude'),
    );
  });

  it('fills each kind of button', () => {
    const given = plain({
      buttons: [
        { type: 'QUICK_REPLY', text: 'Yes' },
        { type: 'QUICK_REPLY', text: 'No' },
        { type: 'URL', text: 'Track', url: 'https://example.com/{{1}}' },
        { type: 'COPY_CODE', text: 'Copy' },
        { type: 'FLOW', text: 'Book' },
        { type: 'MPM', text: 'View' },
      ],
    });
    const mappings = {
      'buttons.1': 'order_id',
      'buttons.2': 'order_id',
      'buttons.3': { value: 'SAVE20' },
      'buttons.4': 'order_id',
      'buttons.5': { value: 'S1, S2' },
    };
    expect(components(given, mappings, recipient({ order_id: 'A-1' }))).toEqual([
      button(1, 'quick_reply', { type: 'payload', payload: 'A-1' }),
      button(2, 'url', { type: 'text', text: 'A-1' }),
      button(3, 'copy_code', { type: 'coupon_code', coupon_code: 'SAVE20' }),
      button(4, 'flow', { type: 'action', action: { flow_token: 'A-1' } }),
      button(5, 'mpm', {
        type: 'action',
        action: {
          thumbnail_product_retailer_id: 'S1',
          sections: [{ product_items: [{ product_retailer_id: 'S1' }, { product_retailer_id: 'S2' }] }],
        },
      }),
    ]);
  });

  it('carries a code once in the body and once in its button, and goes to no user id', () => {
    const login = template({
      category: 'AUTHENTICATION',
      bodyText: '*{{1}}* is your code.',
      buttons: [{ type: 'URL' }],
    });
    expect(components(login, { 1: 'code' }, recipient({ code: '123456' }))).toEqual([
      body('123456'),
      button(0, 'url', { type: 'text', text: '123456' }),
    ]);
    expect(compose(login, { 1: 'code' }, recipient({ code: '1' }, { phone: null, userId: 'IN.1' }))).toMatchObject({
      error: expect.stringContaining('phone numbers only'),
    });
  });

  it('says when its offer ends', () => {
    const offer = plain({ limitedTimeOffer: { text: 'Ends soon', has_expiration: true } });
    const ends = new Date(Date.now() + 3_600_000).toISOString();
    expect(components(offer, { 'limited_time_offer.expiration': 'ends' }, recipient({ ends }))).toEqual([
      {
        type: 'limited_time_offer',
        parameters: [{ type: 'limited_time_offer', limited_time_offer: { expiration_time_ms: Date.parse(ends) } }],
      },
    ]);
    expect(compose(offer, {}, recipient())).toEqual(missing('limited_time_offer.expiration'));
    expect(compose(offer, { 'limited_time_offer.expiration': { value: '2026-01-01' } }, recipient())).toMatchObject({
      error: expect.stringContaining('in the future'),
    });
  });

  it('has as many cards as its template, or as many products as are mapped', () => {
    const card: TemplateCard = {
      header: { type: 'IMAGE' },
      body_text: 'Take {{1}} home.',
      buttons: [{ type: 'URL', text: 'Buy', url: 'https://example.com/{{1}}' }],
    };
    const mappings = {
      1: 'name',
      'cards.0.header': { value: 'https://example.com/0.png' },
      'cards.1.header': 'picture',
      'cards.0.body.1': { value: 'a shoe' },
      'cards.1.body.1': 'hat',
      'cards.0.buttons.0': { value: 's' },
      'cards.1.buttons.0': 'hat',
    };
    const shoes = plain({ carousel: [card, card] });
    expect(components(shoes, mappings, recipient({ hat: 'a hat', picture: '99' }))).toEqual([
      {
        type: 'carousel',
        cards: [
          {
            card_index: 0,
            components: [
              header({ type: 'image', image: { link: 'https://example.com/0.png' } }),
              body('a shoe'),
              button(0, 'url', { type: 'text', text: 's' }),
            ],
          },
          {
            card_index: 1,
            components: [
              header({ type: 'image', image: { id: '99' } }),
              body('a hat'),
              button(0, 'url', { type: 'text', text: 'a hat' }),
            ],
          },
        ],
      },
    ]);
    // {{1}} of the body is mapped, {{1}} of a card is another.
    expect(compose(shoes, { 1: 'name' }, recipient())).toEqual(
      missing('cards.0.header, cards.0.body.1, cards.0.buttons.0, cards.1.header, cards.1.body.1, cards.1.buttons.0'),
    );
    const product: TemplateCard = { header: { type: 'PRODUCT' }, body_text: '', buttons: [{ type: 'SPM' }] };
    const skus = Object.fromEntries([0, 1, 2].map((n) => [`cards.${n}.header`, { value: `S${n}` }]));
    expect(components(plain({ carousel: [product, product] }), skus, recipient())).toEqual([
      {
        type: 'carousel',
        cards: [0, 1, 2].map((n) => ({
          card_index: n,
          components: [header({ type: 'product', product: { product_retailer_id: `S${n}` } })],
        })),
      },
    ]);
  });
});

describe('before a campaign runs', () => {
  const given = plain({
    bodyText: 'Hi {{1}}!',
    header: { type: 'IMAGE' },
    buttons: [
      { type: 'URL', text: 'Track', url: 'https://example.com/{{1}}' },
      { type: 'COPY_CODE', text: 'Copy' },
    ],
    limitedTimeOffer: { text: 'Now', has_expiration: true },
  });

  it('it is known what nobody can have, because nothing is mapped to it', () => {
    expect(unmappedOf(given, { 'buttons.0': 'order_id' })).toEqual([
      'header',
      'buttons.1',
      'limited_time_offer.expiration',
    ]);
    expect(unmappedOf({ ...given, headerMediaId: 7 }, {})).not.toContain('header');
    expect(unmappedOf(given, { 'header.link': 'picture' })).not.toContain('header');
  });

  it('it is known which files everybody is shown', () => {
    const card: TemplateCard = { header: { type: 'VIDEO', media_id: 5 }, body_text: '', buttons: [] };
    expect(
      mediaOfCampaign(
        { ...given, headerMediaId: 7, carousel: [card, card] },
        {
          header: { field: 'picture', default: '8' },
          'cards.0.header': { value: 'https://example.com/a.mp4' },
          'cards.1.header.id': { value: '9' },
          1: { value: '10' },
        },
      ),
    ).toEqual([
      { reference: '7', mediaType: 'image' },
      { reference: '5', mediaType: 'video' },
      { reference: '5', mediaType: 'video' },
      { reference: '8', mediaType: 'image' },
      { reference: '9', mediaType: 'video' },
    ]);
  });
});
