import fc from 'fast-check';
import { TemplateParameterError } from '../../src/templates/template-parameter-error.js';
import { buildComponents } from '../../src/templates/template-send.js';
import {
  renderBody,
  variablesOf,
  type Template,
  type TemplateCard,
  type TemplateCardParams,
  type TemplateParams,
} from '../../src/templates/template.js';
import { fillIn, partsOf, variableNames } from '../../src/templates/template-text.js';

const template = (changes: Partial<Template> = {}): Template => ({
  id: 1,
  accountId: 1,
  name: 't',
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
const named = template({ parameterFormat: 'NAMED', bodyText: 'Hi {{first_name}}, take {{code}}.' });
const text = (value: string): object => ({ type: 'text', text: value });
const body = (...parameters: object[]): object => ({ type: 'body', parameters });

describe('variables of a text', () => {
  it.each<[string, string[]]>([
    ['Hi {{1}} and {{ 2 }}, {{1}}', ['1', '2']],
    ['{{first_name}}{{code}}', ['first_name', 'code']],
    ['{{}} {{ }} {{a b}} {{a-b}} {1} {{1} 1}}', []],
    ['{{{1}}} {{ {{2}} }}', ['1', '2']],
    ['', []],
    ['{{', []],
    ['}}{{1}}', ['1']],
  ])('of %j are %j', (given, expected) => {
    expect(variableNames(given)).toEqual(expected);
  });

  it('lose nothing of the text', () => {
    const piece = fc.oneof(fc.string(), fc.constantFrom('{', '}', '{{', '}}', '{{1}}', '{{ name }}', '{{1', '2}}'));
    fc.assert(
      fc.property(fc.array(piece), (pieces) => {
        const given = pieces.join('');
        const squeezed = given.replace(/\{\{\s*([A-Za-z0-9_]+)\s*\}\}/g, '{{$1}}');
        expect(fillIn(given, {})).toBe(squeezed);
        expect(variableNames(given)).toEqual([
          ...new Set([...squeezed.matchAll(/\{\{([A-Za-z0-9_]+)\}\}/g)].map((match) => match[1])),
        ]);
      }),
    );
  });

  it('are found wherever they are put', () => {
    const plain = fc.string().map((given) => given.replace(/[{}]/g, ''));
    fc.assert(
      fc.property(fc.array(fc.tuple(plain, fc.stringMatching(/^[a-z0-9_]{1,20}$/))), (parts) => {
        const given = parts.map(([before, name]) => `${before}{{${name}}}`).join('');
        expect(variableNames(given)).toEqual([...new Set(parts.map(([, name]) => name))]);
        expect(fillIn(given, Object.fromEntries(parts.map(([, name]) => [name, `<${name}>`])))).toBe(
          parts.map(([before, name]) => `${before}<${name}>`).join(''),
        );
      }),
    );
  });

  it('take time in proportion to the text', () => {
    for (const piece of ['{{', '}}', '{', '{{a', '{{ ', '{{1}}']) {
      const startedAt = performance.now();
      partsOf(piece.repeat(200_000));
      expect(performance.now() - startedAt).toBeLessThan(20_000);
    }
  });

  it('do not come from the prototype', () => {
    expect(fillIn('{{constructor}} {{__proto__}}', {})).toBe('{{constructor}} {{__proto__}}');
  });
});

describe('a template', () => {
  it('has positions in numeric order and names in order of appearance', () => {
    expect(variablesOf(template({ bodyText: '{{10}} {{2}} {{1}}' })).body).toEqual(['1', '2', '10']);
    expect(variablesOf(template({ ...named, bodyText: '{{b}} {{a}} {{b}}' })).body).toEqual(['b', 'a']);
    expect(variablesOf(template({ header: { type: 'TEXT', text: 'For {{1}}' } })).header).toEqual(['1']);
    expect(variablesOf(template({ header: { type: 'IMAGE', text: '{{1}}' } })).header).toEqual([]);
  });

  it('is rendered with the values there are', () => {
    expect(renderBody(template(), { 1: 'Asha', 2: 'A-1 {{1}}' })).toBe('Hi Asha, your order A-1 {{1}} is on its way.');
    expect(renderBody(named, { first_name: 'Ravi' })).toBe('Hi Ravi, take {{code}}.');
    expect(renderBody(named, ['Ravi', 'X'])).toBe('Hi Ravi, take X.');
    expect(renderBody(named, undefined)).toBe('Hi {{first_name}}, take {{code}}.');
  });
});

const SOON = Date.now() + 3_600_000;
const plain = (changes: Partial<Template> = {}): Template => template({ bodyText: 'Hello there.', ...changes });
const button = (index: number, sub_type: string, parameter: object): object => ({
  type: 'button',
  sub_type,
  index,
  parameters: [parameter],
});
const offer = plain({
  limitedTimeOffer: { text: 'Ends soon', has_expiration: true },
  buttons: [{ type: 'COPY_CODE', example: 'SAVE20' }],
});
const card = (changes: Partial<TemplateCard> = {}): TemplateCard => ({
  header: { type: 'IMAGE' },
  body_text: 'Take {{1}} home.',
  buttons: [
    { type: 'QUICK_REPLY', text: 'More' },
    { type: 'URL', text: 'Buy', url: 'https://example.com/{{1}}' },
  ],
  ...changes,
});
const carousel = plain({ carousel: [card(), card()] });
const products = plain({
  carousel: [
    card({ header: { type: 'PRODUCT' }, body_text: '', buttons: [{ type: 'SPM' }] }),
    card({ header: { type: 'PRODUCT' }, body_text: '', buttons: [{ type: 'SPM' }] }),
  ],
});
const login = template({
  category: 'AUTHENTICATION',
  bodyText: '*{{1}}* is your verification code.',
  buttons: [{ type: 'URL', text: 'Copy code', url: 'https://www.whatsapp.com/otp/code/?code=otp{{1}}' }],
});
const buttoned = plain({
  buttons: [
    { type: 'URL', text: 'Track', url: 'https://example.com/{{1}}' },
    { type: 'QUICK_REPLY', text: 'Yes' },
    { type: 'QUICK_REPLY', text: 'No' },
    { type: 'PHONE_NUMBER', text: 'Call', phone_number: '+911' },
    { type: 'URL', text: 'Shop', url: 'https://example.com/shop' },
  ],
});
const cardValues = (n: number): TemplateCardParams => ({
  header: [`https://example.com/${n}.png`],
  body: [`Shoe ${n}`],
  buttons: [{ index: 1, text: `shoe-${n}` }],
});

describe('components of a send', () => {
  it.each<[string, Template | null, TemplateParams, object[]]>([
    ['nothing', plain(), {}, []],
    ['empty lists', plain(), { body: [], header: [], buttons: [], cards: [] }, []],
    ['a list', template(), { body: ['Asha', 'A-1'] }, [body(text('Asha'), text('A-1'))]],
    ['a map by position', template(), { body: { 2: 'A-1', 1: 'Asha' } }, [body(text('Asha'), text('A-1'))]],
    [
      'ten positions in numeric order',
      null,
      { body: Object.fromEntries([10, 9, 8, 7, 6, 5, 4, 3, 2, 1].map((n) => [n, `v${n}`])) },
      [body(...[1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map((n) => text(`v${n}`)))],
    ],
    [
      'names',
      named,
      { body: { code: 'X', first_name: 'Asha' } },
      [
        body(
          { type: 'text', parameter_name: 'first_name', text: 'Asha' },
          { type: 'text', parameter_name: 'code', text: 'X' },
        ),
      ],
    ],
    [
      'a list for names',
      named,
      { body: ['Asha', 'X'] },
      [
        body(
          { type: 'text', parameter_name: 'first_name', text: 'Asha' },
          { type: 'text', parameter_name: 'code', text: 'X' },
        ),
      ],
    ],
    ['a list without our copy', null, { body: ['Asha'] }, [body(text('Asha'))]],
    ['names without our copy', null, { body: { a: 'X' } }, [body({ type: 'text', parameter_name: 'a', text: 'X' })]],
    [
      'a text header',
      plain({ header: { type: 'TEXT', text: 'For {{1}}' } }),
      { header: ['Asha'] },
      [{ type: 'header', parameters: [text('Asha')] }],
    ],
    [
      'an image by link',
      plain({ header: { type: 'IMAGE' } }),
      { header: ['https://example.com/a.png'] },
      [{ type: 'header', parameters: [{ type: 'image', image: { link: 'https://example.com/a.png' } }] }],
    ],
    [
      'a document by id',
      plain({ header: { type: 'DOCUMENT' } }),
      { header: { id: '123', filename: 'a.pdf' } },
      [{ type: 'header', parameters: [{ type: 'document', document: { id: '123', filename: 'a.pdf' } }] }],
    ],
    [
      'a file of the library, by its own id',
      plain({ header: { type: 'DOCUMENT' } }),
      { header: { media_id: '7' } },
      [{ type: 'header', parameters: [{ type: 'document', document: { id: 'meta-7', filename: 'menu.pdf' } }] }],
    ],
    [
      'the file of the template, where none is given',
      plain({ header: { type: 'VIDEO' }, headerMediaId: 7 }),
      {},
      [{ type: 'header', parameters: [{ type: 'video', video: { id: 'meta-7' } }] }],
    ],
    [
      'a moving picture',
      plain({ header: { type: 'GIF' } }),
      { header: ['9'] },
      [{ type: 'header', parameters: [{ type: 'gif', gif: { id: '9' } }] }],
    ],
    [
      'a place',
      plain({ header: { type: 'LOCATION' } }),
      { header: { latitude: '1', longitude: '2', name: 'N' } },
      [{ type: 'header', parameters: [{ type: 'location', location: { latitude: '1', longitude: '2', name: 'N' } }] }],
    ],
    [
      'a product',
      plain({ header: { type: 'PRODUCT' }, buttons: [{ type: 'SPM', text: 'View' }] }),
      { header: { product_retailer_id: 'SKU-1', catalog_id: '42' } },
      [
        {
          type: 'header',
          parameters: [{ type: 'product', product: { product_retailer_id: 'SKU-1', catalog_id: '42' } }],
        },
      ],
    ],
    [
      'buttons, whose kinds the template tells',
      buttoned,
      {
        buttons: [
          { index: 0, text: 'A-1' },
          { index: 1, payload: 'yes' },
        ],
      },
      [button(0, 'url', text('A-1')), button(1, 'quick_reply', { type: 'payload', payload: 'yes' })],
    ],
    [
      'buttons without our copy',
      null,
      {
        buttons: [
          { index: 0, sub_type: 'url', payload: 'A-1' },
          { index: 1, payload: 'yes' },
          { index: 2, sub_type: 'copy_code', coupon_code: 'SAVE' },
          { index: 3, sub_type: 'quick_reply' },
        ],
      },
      [
        button(0, 'url', text('A-1')),
        button(1, 'quick_reply', { type: 'payload', payload: 'yes' }),
        button(2, 'copy_code', { type: 'coupon_code', coupon_code: 'SAVE' }),
      ],
    ],
    [
      'a flow, whose token Meta makes up',
      plain({ buttons: [{ type: 'FLOW', text: 'Book', flow_id: '1' }] }),
      {},
      [button(0, 'flow', { type: 'action', action: { flow_token: 'unused' } })],
    ],
    [
      'a flow with a token and data',
      plain({ buttons: [{ type: 'FLOW', text: 'Book', flow_id: '1' }] }),
      { buttons: [{ index: 0, flow_token: 'T', flow_action_data: { day: 1 } }] },
      [button(0, 'flow', { type: 'action', action: { flow_token: 'T', flow_action_data: { day: 1 } } })],
    ],
    ['a catalog', plain({ buttons: [{ type: 'CATALOG', text: 'View catalog' }] }), {}, []],
    [
      'a catalog with a picture of its own',
      plain({ buttons: [{ type: 'CATALOG', text: 'View catalog' }] }),
      { buttons: [{ index: 0, thumbnail_product_retailer_id: 'SKU-1' }] },
      [button(0, 'catalog', { type: 'action', action: { thumbnail_product_retailer_id: 'SKU-1' } })],
    ],
    [
      'products in sections',
      plain({ buttons: [{ type: 'MPM', text: 'View items' }] }),
      {
        buttons: [
          {
            index: 0,
            sections: [
              { title: 'Shoes', product_retailer_ids: ['S1', 'S2'] },
              { title: 'Hats', product_retailer_ids: ['H1'] },
            ],
          },
        ],
      },
      [
        button(0, 'mpm', {
          type: 'action',
          action: {
            thumbnail_product_retailer_id: 'S1',
            sections: [
              { title: 'Shoes', product_items: [{ product_retailer_id: 'S1' }, { product_retailer_id: 'S2' }] },
              { title: 'Hats', product_items: [{ product_retailer_id: 'H1' }] },
            ],
          },
        }),
      ],
    ],
    [
      'an order, as Meta writes it',
      plain({ buttons: [{ type: 'ORDER_DETAILS', text: 'Pay' }] }),
      { buttons: [{ index: 0, action: { order_details: { reference_id: 'R' } } }] },
      [button(0, 'order_details', { type: 'action', action: { order_details: { reference_id: 'R' } } })],
    ],
    [
      'a limited-time offer, until a time',
      offer,
      {
        limited_time_offer: { expiration_time_ms: new Date(SOON).toISOString() },
        buttons: [{ index: 0, coupon_code: 'SAVE20' }],
      },
      [
        {
          type: 'limited_time_offer',
          parameters: [{ type: 'limited_time_offer', limited_time_offer: { expiration_time_ms: SOON } }],
        },
        button(0, 'copy_code', { type: 'coupon_code', coupon_code: 'SAVE20' }),
      ],
    ],
    [
      'a carousel',
      carousel,
      { cards: [cardValues(1), cardValues(2)] },
      [
        {
          type: 'carousel',
          cards: [1, 2].map((n) => ({
            card_index: n - 1,
            components: [
              {
                type: 'header',
                parameters: [{ type: 'image', image: { link: `https://example.com/${n}.png` } }],
              },
              body(text(`Shoe ${n}`)),
              button(1, 'url', text(`shoe-${n}`)),
            ],
          })),
        },
      ],
    ],
    [
      'a carousel that has all it needs',
      plain({
        carousel: [1, 2].map(() => card({ header: { type: 'IMAGE', media_id: 7 }, body_text: '', buttons: [] })),
      }),
      {},
      [
        {
          type: 'carousel',
          cards: [0, 1].map((card_index) => ({
            card_index,
            components: [{ type: 'header', parameters: [{ type: 'image', image: { id: 'meta-7' } }] }],
          })),
        },
      ],
    ],
    [
      'products, more of them than the template shows',
      products,
      { cards: ['A', 'B', 'C'].map((id) => ({ header: { product_retailer_id: id, catalog_id: '42' } })) },
      [
        {
          type: 'carousel',
          cards: ['A', 'B', 'C'].map((id, card_index) => ({
            card_index,
            components: [
              {
                type: 'header',
                parameters: [{ type: 'product', product: { product_retailer_id: id, catalog_id: '42' } }],
              },
            ],
          })),
        },
      ],
    ],
    [
      'a code, in the body and in the button that copies it',
      login,
      { body: ['123456'] },
      [body(text('123456')), button(0, 'url', text('123456'))],
    ],
    [
      'a code that is given to the button',
      login,
      { buttons: [{ index: 0, text: '123456' }] },
      [body(text('123456')), button(0, 'url', text('123456'))],
    ],
    [
      'a code of a template whose text Meta has not told us yet',
      template({ category: 'AUTHENTICATION', bodyText: '', buttons: [{ type: 'OTP', otp_type: 'COPY_CODE' }] }),
      { body: ['123456'] },
      [body(text('123456')), button(0, 'url', text('123456'))],
    ],
  ])('of %s', (_what, given, params, expected) => {
    const media = new Map([['7', { mediaId: 'meta-7', filename: 'menu.pdf' }]]);
    expect(buildComponents(given, params, media)).toEqual(expected);
  });

  it.each<[Template | null, TemplateParams, string, string]>([
    [template(), { body: ['Asha', 'two\nlines'] }, 'body_params.2', 'not_allowed_characters'],
    [template(), { body: ['a\tb', 'c'] }, 'body_params.1', 'not_allowed_characters'],
    [template(), { body: ['a     b', 'c'] }, 'body_params.1', 'not_allowed_characters'],
    [template(), { body: ['', 'c'] }, 'body_params.1', 'empty'],
    [template(), {}, 'body_params.1', 'missing'],
    [template(), { body: ['Asha'] }, 'body_params.2', 'missing'],
    [template(), { body: { 2: 'x' } }, 'body_params.1', 'missing'],
    [template(), { body: ['a', 'b', 'c'] }, 'body_params.3', 'unknown_variable'],
    [template(), { body: { first_name: 'x' } }, 'body_params.first_name', 'unknown_variable'],
    [
      template(),
      { body: JSON.parse('{"1":"a","2":"b","__proto__":"c"}') as never },
      'body_params.__proto__',
      'unknown_variable',
    ],
    [plain(), { body: ['x'] }, 'body_params.1', 'unknown_variable'],
    [named, { body: { first_name: 'a\rb' } }, 'body_params.first_name', 'not_allowed_characters'],
    [named, { body: { first_name: 'a' } }, 'body_params.code', 'missing'],
    [named, { body: ['a', 'b', 'c'] }, 'body_params.3', 'unknown_variable'],
    [null, { body: { 2: 'x' } }, 'body_params.2', 'unknown_variable'],
    [null, { header: ['a\nb'] }, 'header_params.1', 'not_allowed_characters'],
    [plain(), { header: ['x'] }, 'header_params', 'not_allowed'],
    [plain({ header: { type: 'VIDEO' } }), { header: [] }, 'header_params', 'missing'],
    [plain({ header: { type: 'VIDEO' } }), {}, 'header_params', 'missing'],
    [plain({ header: { type: 'VIDEO' }, headerMediaId: 8 }), {}, 'header_params', 'missing'],
    [plain({ header: { type: 'IMAGE' } }), { header: ['1', '2'] }, 'header_params', 'wrong_count'],
    [plain({ header: { type: 'LOCATION' } }), { header: ['x'] }, 'header_params.latitude', 'missing'],
    [
      plain({ header: { type: 'LOCATION' } }),
      { header: { latitude: '91', longitude: '0' } },
      'header_params.latitude',
      'not_degrees',
    ],
    [plain({ header: { type: 'PRODUCT' } }), {}, 'header_params.product_retailer_id', 'missing'],
    [null, { buttons: [{ index: 1, sub_type: 'url' }] }, 'buttons.1', 'missing'],
    [null, { buttons: [{ index: 2, sub_type: 'spm' }] }, 'buttons.2', 'unknown_sub_type'],
    [buttoned, {}, 'buttons.0', 'missing'],
    [buttoned, { buttons: [{ index: 0, text: 'a\nb' }] }, 'buttons.0', 'not_allowed_characters'],
    [
      buttoned,
      {
        buttons: [
          { index: 0, text: 'a' },
          { index: 0, text: 'b' },
        ],
      },
      'buttons.0',
      'duplicate',
    ],
    [buttoned, { buttons: [{ index: 0, sub_type: 'copy_code', text: 'a' }] }, 'buttons.0', 'wrong_sub_type'],
    [
      buttoned,
      {
        buttons: [
          { index: 0, text: 'a' },
          { index: 3, text: 'b' },
        ],
      },
      'buttons.3',
      'not_allowed',
    ],
    [
      buttoned,
      {
        buttons: [
          { index: 0, text: 'a' },
          { index: 4, text: 'b' },
        ],
      },
      'buttons.4',
      'not_allowed',
    ],
    [
      buttoned,
      {
        buttons: [
          { index: 0, text: 'a' },
          { index: 5, text: 'b' },
        ],
      },
      'buttons.5',
      'unknown_button',
    ],
    [plain({ buttons: [{ type: 'MPM' }] }), {}, 'buttons.0.sections', 'missing'],
    [
      plain({ buttons: [{ type: 'MPM' }] }),
      { buttons: [{ index: 0, sections: [{ product_retailer_ids: Array<string>(31).fill('A') }] }] },
      'buttons.0.sections',
      'too_many',
    ],
    [plain({ buttons: [{ type: 'ORDER_DETAILS' }] }), {}, 'buttons.0', 'missing'],
    [offer, { limited_time_offer: { expiration_time_ms: SOON } }, 'buttons.0', 'missing'],
    [
      offer,
      { buttons: [{ index: 0, coupon_code: 'x'.repeat(21) }] },
      'limited_time_offer.expiration_time_ms',
      'missing',
    ],
    [
      offer,
      { limited_time_offer: { expiration_time_ms: SOON }, buttons: [{ index: 0, coupon_code: 'x'.repeat(21) }] },
      'buttons.0',
      'too_long',
    ],
    [
      offer,
      { limited_time_offer: { expiration_time_ms: '2026-01-01' } },
      'limited_time_offer.expiration_time_ms',
      'not_in_the_future',
    ],
    [
      offer,
      { limited_time_offer: { expiration_time_ms: SOON / 1_000 } },
      'limited_time_offer.expiration_time_ms',
      'not_in_the_future',
    ],
    [
      offer,
      { limited_time_offer: { expiration_time_ms: 'tomorrow' } },
      'limited_time_offer.expiration_time_ms',
      'not_a_time',
    ],
    [plain(), { limited_time_offer: { expiration_time_ms: SOON } }, 'limited_time_offer', 'not_allowed'],
    [carousel, {}, 'cards.0.header', 'missing'],
    [carousel, { cards: [cardValues(1)] }, 'cards', 'wrong_count'],
    [carousel, { cards: [cardValues(1), { ...cardValues(2), body: [] }] }, 'cards.1.body.1', 'missing'],
    [carousel, { cards: [cardValues(1), { ...cardValues(2), buttons: [] }] }, 'cards.1.buttons.1', 'missing'],
    [products, { cards: [{ header: { product_retailer_id: 'A' } }] }, 'cards', 'wrong_count'],
    [products, { cards: [{}, {}] }, 'cards.0.header.product_retailer_id', 'missing'],
    [plain(), { cards: [{}] }, 'cards', 'not_allowed'],
    [null, { cards: [{}, {}] }, 'cards', 'template_unknown'],
    [login, {}, 'body_params.1', 'missing'],
    [login, { body: ['1234567890123456'] }, 'buttons.0', 'too_long'],
  ])('refuse what Meta would refuse, naming the value (%#)', (given, params, field, code) => {
    let error: unknown;
    try {
      buildComponents(given, params);
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(TemplateParameterError);
    const { field: named, reason, status, options } = error as TemplateParameterError;
    expect([named, reason, status]).toEqual([field, code, 400]);
    expect(options.errors).toMatchObject([{ field, code }]);
  });

  it.each([
    ['2099-12-24T18:00:00', '2099-12-24T18:00:00Z'],
    ['2099-12-24 18:00', '2099-12-24T18:00:00Z'],
    ['2099-12-24', '2099-12-24T00:00:00Z'],
    ['2099-12-24T18:00:00+05:30', '2099-12-24T12:30:00Z'],
  ])('take the end of an offer for UTC where it names no zone: %s', (given, meant) => {
    const [component] = buildComponents(null, { limited_time_offer: { expiration_time_ms: given } });
    expect(component).toMatchObject({
      parameters: [{ limited_time_offer: { expiration_time_ms: Date.parse(meant) } }],
    });
  });

  it('lets four spaces pass', () => {
    expect(buildComponents(null, { body: ['a    b'] })).toEqual([body(text('a    b'))]);
  });
});
