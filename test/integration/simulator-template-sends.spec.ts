import { GraphDouble } from '../support/graph-double.js';

type Json = Record<string, unknown>;

const SOON = Date.now() + 3_600_000;
const text = (value: string, name?: string): Json => ({
  type: 'text',
  ...(name ? { parameter_name: name } : {}),
  text: value,
});
const image = { type: 'image', image: { link: 'https://example.com/a.png' } };
const video = { type: 'video', video: { link: 'https://example.com/a.mp4' } };
const place = (changes: Json = {}): Json => ({
  type: 'location',
  location: { latitude: '28.6', longitude: 77.2, name: 'Shop', address: 'Delhi', ...changes },
});
const product = { type: 'product', product: { product_retailer_id: 'SKU-1', catalog_id: '42' } };
const header = (...parameters: Json[]): Json => ({ type: 'header', parameters });
const body = (...parameters: Json[]): Json => ({ type: 'body', parameters });
const button = (index: unknown, sub_type: string, ...parameters: Json[]): Json => ({
  type: 'button',
  sub_type,
  index,
  parameters,
});
const action = (of: Json): Json => ({ type: 'action', action: of });
const offer = (ends: unknown): Json => ({
  type: 'limited_time_offer',
  parameters: [{ type: 'limited_time_offer', limited_time_offer: { expiration_time_ms: ends } }],
});
const carousel = (...cards: Json[]): Json => ({ type: 'carousel', cards });
const card = (card_index: unknown, ...components: Json[]): Json => ({ card_index, components });
const coupon = (code: string): Json => button(0, 'copy_code', { type: 'coupon_code', coupon_code: code });
const sections = (...counts: number[]): Json => ({
  thumbnail_product_retailer_id: 'SKU-1',
  sections: counts.map((count, index) => ({
    title: `Part ${index}`,
    product_items: Array.from({ length: count }, (_, n) => ({ product_retailer_id: `SKU-${index}-${n}` })),
  })),
});

const DEFINED: Record<string, Json> = {
  texts: {
    components: [
      { type: 'HEADER', format: 'TEXT', text: 'For {{1}}' },
      { type: 'BODY', text: 'Hi {{1}}, your order {{2}} is here.' },
    ],
  },
  named: { parameter_format: 'NAMED', components: [{ type: 'BODY', text: 'Hi {{first_name}}, take {{code}} now.' }] },
  image: {
    components: [
      { type: 'HEADER', format: 'IMAGE' },
      { type: 'BODY', text: 'Look.' },
    ],
  },
  place: {
    components: [
      { type: 'HEADER', format: 'LOCATION' },
      { type: 'BODY', text: 'Here.' },
    ],
  },
  product: {
    components: [
      { type: 'HEADER', format: 'PRODUCT' },
      { type: 'BODY', text: 'New.' },
    ],
  },
  buttons: {
    components: [
      { type: 'BODY', text: 'Pick.' },
      {
        type: 'BUTTONS',
        buttons: [
          { type: 'URL', text: 'Track', url: 'https://example.com/{{1}}' },
          { type: 'QUICK_REPLY', text: 'Yes' },
          { type: 'URL', text: 'Shop', url: 'https://example.com/shop' },
        ],
      },
    ],
  },
  offer: {
    category: 'MARKETING',
    components: [
      { type: 'BODY', text: 'Now.' },
      { type: 'LIMITED_TIME_OFFER', limited_time_offer: { text: 'Now', has_expiration: true } },
      { type: 'BUTTONS', buttons: [{ type: 'COPY_CODE', text: 'Copy', example: 'SAVE' }] },
    ],
  },
  flow: {
    components: [
      { type: 'BODY', text: 'Book.' },
      { type: 'BUTTONS', buttons: [{ type: 'FLOW', text: 'Book', flow_id: '1' }] },
    ],
  },
  catalog: {
    components: [
      { type: 'BODY', text: 'Look.' },
      { type: 'BUTTONS', buttons: [{ type: 'CATALOG', text: 'View catalog' }] },
    ],
  },
  mpm: {
    components: [
      { type: 'BODY', text: 'Look.' },
      { type: 'BUTTONS', buttons: [{ type: 'MPM', text: 'View items' }] },
    ],
  },
  cards: {
    category: 'MARKETING',
    components: [
      { type: 'BODY', text: 'Pick.' },
      {
        type: 'CAROUSEL',
        cards: [0, 1].map(() => ({
          components: [
            { type: 'HEADER', format: 'IMAGE' },
            { type: 'BODY', text: 'Take {{1}} home.' },
            { type: 'BUTTONS', buttons: [{ type: 'URL', text: 'Buy', url: 'https://example.com/{{1}}' }] },
          ],
        })),
      },
    ],
  },
  products: {
    category: 'MARKETING',
    components: [
      { type: 'BODY', text: 'Pick.' },
      {
        type: 'CAROUSEL',
        cards: [0, 1].map(() => ({
          components: [
            { type: 'HEADER', format: 'PRODUCT' },
            { type: 'BUTTONS', buttons: [{ type: 'SPM', text: 'View' }] },
          ],
        })),
      },
    ],
  },
};
const filled = (index: unknown): Json =>
  card(index, header(image), body(text('a chair')), button(0, 'url', text('chair')));
const shown = (index: number): Json => card(index, header(product));

describe('a template, as the double of Graph sends it', () => {
  let double: GraphDouble;

  const send = (name: string, components: unknown): Promise<number | undefined> =>
    double.codeOf(double.send({ type: 'template', template: { name, language: { code: 'en' }, components } }));

  beforeAll(async () => {
    double = await GraphDouble.start();
    for (const [name, definition] of Object.entries(DEFINED)) {
      await double.tell('PUT', `templates/${name}`, { language: 'en', status: 'APPROVED', ...definition });
    }
  });
  afterAll(() => double.close());

  it.each<[string, string, unknown]>([
    ['texts', 'texts', [header(text('Asha')), body(text('Asha'), text('A-1'))]],
    ['components in any order', 'texts', [body(text('Asha'), text('A-1')), header(text('Asha'))]],
    [
      'an amount',
      'texts',
      [
        header(text('A')),
        body({ type: 'currency', currency: { fallback_value: '₹1', code: 'INR', amount_1000: 1_000 } }, text('B')),
      ],
    ],
    ['names in any order', 'named', [body(text('X', 'code'), text('Asha', 'first_name'))]],
    ['a picture', 'image', [header(image)]],
    ['a place', 'place', [header(place())]],
    ['a product', 'product', [header(product)]],
    ['the end of a URL', 'buttons', [button(0, 'url', text('A-1'))]],
    [
      'an index as text',
      'buttons',
      [button('0', 'url', text('A-1')), button('1', 'quick_reply', { type: 'payload', payload: 'yes' })],
    ],
    ['an offer', 'offer', [offer(SOON), coupon('SAVE20')]],
    ['a flow', 'flow', [button(0, 'flow', action({ flow_token: 'T', flow_action_data: { day: 1 } }))]],
    ['a flow as it is', 'flow', undefined],
    ['a catalog', 'catalog', [button(0, 'catalog', action({ thumbnail_product_retailer_id: 'SKU-1' }))]],
    ['a catalog as it is', 'catalog', undefined],
    ['thirty products', 'mpm', [button(0, 'mpm', action(sections(15, 15)))]],
    ['cards', 'cards', [carousel(filled(0), filled(1))]],
    ['cards in any order', 'cards', [carousel(filled(1), filled(0))]],
    ['ten products', 'products', [carousel(...Array.from({ length: 10 }, (_, n) => shown(n)))]],
    ['a code', 'login_code', [body(text('123456')), button(0, 'url', text('123456'))]],
  ])('goes out with %s', async (_what, name, components) => {
    expect(await send(name, components)).toBeUndefined();
  });

  it.each<[string, number, string, unknown]>([
    ['no values', 132000, 'texts', undefined],
    ['a value too many', 132000, 'texts', [header(text('A')), body(text('a'), text('b'), text('c'))]],
    ['no value for its header', 132000, 'texts', [body(text('a'), text('b'))]],
    ['values for a text without variables', 132000, 'image', [header(image), body(text('a'))]],
    ['a name for a position', 132012, 'texts', [header(text('A')), body(text('a', 'first_name'), text('b'))]],
    ['another name', 132012, 'named', [body(text('a', 'first_name'), text('b', 'order'))]],
    ['a name twice', 132012, 'named', [body(text('a', 'code'), text('b', 'code'))]],
    [
      'half an amount',
      132012,
      'texts',
      [header(text('A')), body({ type: 'currency', currency: { fallback_value: '1' } }, text('B'))],
    ],
    ['no picture', 132012, 'image', undefined],
    ['a film for a picture', 132012, 'image', [header(video)]],
    ['two pictures', 132012, 'image', [header(image, image)]],
    ['a picture without a source', 131008, 'image', [header({ type: 'image', image: {} })]],
    ['a picture with a name', 100, 'image', [header({ type: 'image', image: { ...image.image, filename: 'a.png' } })]],
    ['a header that there is none of', 132018, 'flow', [header(text('A'))]],
    ['half a place', 131008, 'place', [header(place({ longitude: undefined }))]],
    ['a place off the earth', 131009, 'place', [header(place({ latitude: '91' }))]],
    ['no product', 131008, 'product', [header({ type: 'product', product: { catalog_id: '1' } })]],
    ['no end of its URL', 131008, 'buttons', undefined],
    ['a button at no place', 131009, 'buttons', [button(undefined, 'url', text('a'))]],
    ['a button twice', 131009, 'buttons', [button(0, 'url', text('a')), button(0, 'url', text('b'))]],
    ['a button that there is none of', 132018, 'buttons', [button(0, 'url', text('a')), button(3, 'url', text('b'))]],
    ['a button of another kind', 132012, 'buttons', [button(0, 'quick_reply', { type: 'payload', payload: 'a' })]],
    ['a value of another kind', 132012, 'buttons', [button(0, 'url', { type: 'payload', payload: 'a' })]],
    ['a value for a fixed URL', 132018, 'buttons', [button(0, 'url', text('a')), button(2, 'url', text('b'))]],
    ['a line break in a URL', 132018, 'buttons', [button(0, 'url', text('a\nb'))]],
    ['a button with two values', 131009, 'buttons', [button(0, 'url', text('a'), text('b'))]],
    ['an offer without an end', 131008, 'offer', [coupon('SAVE')]],
    ['an offer that has ended', 131009, 'offer', [offer(Date.now() - 1_000), coupon('SAVE')]],
    ['an offer that ends in seconds', 131009, 'offer', [offer(Math.floor(SOON / 1_000)), coupon('SAVE')]],
    ['an offer whose end is text', 131009, 'offer', [offer(String(SOON)), coupon('SAVE')]],
    ['no code to copy', 131008, 'offer', [offer(SOON)]],
    ['a long code to copy', 131009, 'offer', [offer(SOON), coupon('x'.repeat(21))]],
    ['an offer that it does not make', 132018, 'flow', [offer(SOON)]],
    ['an unknown part of a flow', 100, 'flow', [button(0, 'flow', action({ flow_id: '1' }))]],
    ['no products', 131008, 'mpm', undefined],
    ['too many products', 131009, 'mpm', [button(0, 'mpm', action(sections(15, 16)))]],
    ['an empty section', 131009, 'mpm', [button(0, 'mpm', action(sections(0)))]],
    ['no cards', 131008, 'cards', undefined],
    ['a card too few', 132012, 'cards', [carousel(filled(0))]],
    ['a card too many', 132012, 'cards', [carousel(filled(0), filled(1), filled(2))]],
    ['a card twice', 132012, 'cards', [carousel(filled(0), filled(0))]],
    ['a card at no place', 131008, 'cards', [carousel(filled(0), filled(undefined))]],
    ['a card at a place that there is none of', 132012, 'cards', [carousel(filled(0), filled(2))]],
    [
      'a card without a picture',
      132012,
      'cards',
      [carousel(filled(0), card(1, body(text('a')), button(0, 'url', text('b'))))],
    ],
    [
      'a card without a text',
      132000,
      'cards',
      [carousel(filled(0), card(1, header(image), button(0, 'url', text('b'))))],
    ],
    [
      'a card without the end of its URL',
      131008,
      'cards',
      [carousel(filled(0), card(1, header(image), body(text('a'))))],
    ],
    ['cards in cards', 131009, 'cards', [carousel(filled(0), card(1, carousel(filled(0))))]],
    ['cards that it has none of', 132018, 'flow', [carousel(filled(0), filled(1))]],
    ['one product', 131009, 'products', [carousel(shown(0))]],
    ['eleven products', 131009, 'products', [carousel(...Array.from({ length: 11 }, (_, n) => shown(n)))]],
    ['a code in its text only', 131008, 'login_code', [body(text('123456'))]],
    ['a code that is too long', 131009, 'login_code', [body(text('1')), button(0, 'url', text('1234567890123456'))]],
    ['a part twice', 131009, 'image', [header(image), header(image)]],
    ['an unknown part', 131009, 'flow', [{ type: 'footer', parameters: [] }]],
    ['an unknown field', 100, 'flow', [{ type: 'body', parameters: [], text: 'x' }]],
  ])('is refused with %s: %i', async (_what, code, name, components) => {
    expect(await send(name, components)).toBe(code);
  });
});
