/**
 * Templates of every kind, as `POST /templates` takes them: good ones with what a sender fills in, and wrong ones with the
 * rule they break. A number in the place of a media id is a stand-in (`SAMPLE_IMAGE`, `SAMPLE_VIDEO`, `SAMPLE_DOCUMENT`): who
 * has a media library puts a file's id there with `withMedia`.
 */
export interface GoodTemplate {
  create: Body;
  /** As `TemplateParams`. */
  send: Body;
}

export interface WrongTemplate {
  create: Body;
  /** The code of the error. */
  rule: string;
  field: string;
  /** Found when it is pushed; a draft may lack it as yet. */
  atPush?: true;
}

type Body = Record<string, unknown>;

export const SAMPLE_IMAGE = 9_000_001;
export const SAMPLE_VIDEO = 9_000_002;
export const SAMPLE_DOCUMENT = 9_000_003;
const IMAGE_LINK = 'https://example.com/media/picture.png';
const VIDEO_LINK = 'https://example.com/media/film.mp4';
const DOCUMENT_LINK = 'https://example.com/media/receipt.pdf';
const EXPIRES = '2030-12-31T18:00:00.000Z';
const APP = { package_name: 'com.example.luckyshrub', signature_hash: 'K8a/AINcGX7' };

/** A body with files of a library in the place of the stand-ins. */
export function withMedia(create: Body, files: { image: number; video: number; document: number }): Body {
  const ids = new Map([
    [SAMPLE_IMAGE, files.image],
    [SAMPLE_VIDEO, files.video],
    [SAMPLE_DOCUMENT, files.document],
  ]);
  return JSON.parse(JSON.stringify(create), (key, value: unknown) =>
    key === 'media_id' ? (ids.get(value as number) ?? value) : value,
  ) as Body;
}

let made = 0;

function template(kind: string, category: string, parts: Body): Body {
  made += 1;
  return { name: `corpus_${String(made).padStart(3, '0')}_${kind}`, language: 'en', category, ...parts };
}

const utility = (kind: string, parts: Body, send: Body = {}): GoodTemplate => ({
  create: template(kind, 'UTILITY', parts),
  send,
});
const marketing = (kind: string, parts: Body, send: Body = {}): GoodTemplate => ({
  create: template(kind, 'MARKETING', parts),
  send,
});
const authentication = (kind: string, parts: Body): GoodTemplate => ({
  create: template(kind, 'AUTHENTICATION', parts),
  send: { body: ['483920'] },
});
const BODY = 'Thank you for your order, we will let you know as soon as it is on its way.';
const replies = (...labels: string[]): Body[] => labels.map((text) => ({ type: 'QUICK_REPLY', text }));
const shop = { type: 'URL', text: 'Shop', url: 'https://example.com/shop' };
const track = {
  type: 'URL',
  text: 'Track',
  url: 'https://example.com/orders/{{1}}',
  example: ['https://example.com/orders/A-1042'],
};
const call = { type: 'PHONE_NUMBER', text: 'Call us', phone_number: '+919876500001' };
const coupon = { type: 'COPY_CODE', example: 'SPRING20' };
const imageCard = (body_text: string, buttons: Body[]): Body => ({
  header: { type: 'IMAGE', media_id: SAMPLE_IMAGE },
  body_text,
  buttons,
});
const sentImageCard = (card: Body = {}): Body => ({ header: [IMAGE_LINK], ...card });

export const GOOD_TEMPLATES: readonly GoodTemplate[] = [
  // Texts and variables.
  utility('plain', { body_text: BODY }),
  utility(
    'one_variable',
    { body_text: 'Hello {{1}}, your table is ready for you.', examples: { body: ['Asha'] } },
    { body: ['Ravi'] },
  ),
  utility(
    'full_stop',
    { body_text: 'Thank you, {{1}}! Your order number is {{2}}.', examples: { body: ['Asha', 'A-1042'] } },
    { body: ['Ravi', 'B-7'] },
  ),
  utility(
    'repeated',
    { body_text: 'Dear {{1}}, we tried to reach you. Please call us back, {{1}}!', examples: { body: ['Asha'] } },
    { body: { 1: 'Ravi' } },
  ),
  utility(
    'disordered',
    { body_text: 'Your order {{2}} is on its way to you now, dear {{1}}!', examples: { body: ['Asha', 'A-1042'] } },
    { body: ['Ravi', 'B-7'] },
  ),
  utility(
    'example_map',
    { body_text: 'Hello {{1}}, order {{2}} is ready for you.', examples: { body: { 1: 'Asha', 2: 1042 } } },
    { body: ['Ravi', 'B-7'] },
  ),
  utility('longest_body', { body_text: 'word '.repeat(204) + 'end.' }),
  utility('line_breaks', { body_text: 'Hello,\n\nyour order has *arrived*.\n\nSee you soon!' }),
  marketing('emoji_body', { body_text: 'Our summer sale has begun 🎉 come and see what is new!' }),
  utility(
    'hindi',
    { language: 'hi', body_text: 'नमस्ते {{1}}, आपका ऑर्डर रास्ते में है।', examples: { body: ['आशा'] } },
    { body: ['रवि'] },
  ),
  utility(
    'chinese',
    { language: 'zh_CN', body_text: '您好{{1}}，您的订单{{2}}已经发货。', examples: { body: ['小明', 'A-1042'] } },
    { body: ['小红', 'B-7'] },
  ),
  utility('footer', { body_text: BODY, footer_text: 'Answer STOP to hear no more of this' }),
  // Named variables.
  utility(
    'named',
    {
      parameter_format: 'NAMED',
      body_text: 'Thank you, {{first_name}}! Your order number is {{order_number}}.',
      examples: { body: { first_name: 'Asha', order_number: 'A-1042' } },
    },
    { body: { first_name: 'Ravi', order_number: 'B-7' } },
  ),
  marketing(
    'named_header',
    {
      parameter_format: 'NAMED',
      header: { type: 'TEXT', text: 'Our sale starts {{sale_start}}!' },
      body_text: 'Come early, {{first_name}}, before the best is gone.',
      examples: { header: { sale_start: 'on Monday' }, body: { first_name: 'Asha' } },
    },
    { header: { sale_start: 'today' }, body: { first_name: 'Ravi' } },
  ),
  // Headers.
  utility('text_header', { header: { type: 'TEXT', text: 'Your order' }, body_text: BODY }),
  utility(
    'header_variable',
    { header: { type: 'TEXT', text: 'Order {{1}}' }, body_text: BODY, examples: { header: ['A-1042'] } },
    { header: ['B-7'] },
  ),
  utility(
    'image_header',
    { header: { type: 'IMAGE', media_id: SAMPLE_IMAGE }, body_text: BODY },
    { header: [IMAGE_LINK] },
  ),
  utility('image_by_default', { header: { type: 'IMAGE', media_id: SAMPLE_IMAGE }, body_text: BODY }),
  marketing(
    'video_header',
    {
      header: { type: 'VIDEO', media_id: SAMPLE_VIDEO },
      body_text: 'See how our chairs are made, by hand and with love.',
    },
    { header: { link: VIDEO_LINK } },
  ),
  marketing(
    'gif_header',
    { header: { type: 'GIF', media_id: SAMPLE_VIDEO }, body_text: 'Look who is back: the sale of the year.' },
    { header: [VIDEO_LINK] },
  ),
  utility(
    'document_header',
    {
      header: { type: 'DOCUMENT', media_id: SAMPLE_DOCUMENT },
      body_text: 'Thank you for your order, {{1}}! The receipt is above.',
      examples: { body: ['Asha'] },
      buttons: [call, shop],
    },
    { header: { link: DOCUMENT_LINK, filename: 'receipt.pdf' }, body: ['Ravi'] },
  ),
  utility(
    'location_header',
    {
      header: { type: 'LOCATION' },
      body_text: 'Good news {{1}}! Your order is on its way to the place above.',
      footer_text: 'To hear no more, tap the button below.',
      examples: { body: ['Asha'] },
      buttons: replies('Stop updates'),
    },
    { header: { latitude: '28.6139', longitude: '77.209', name: 'Shop', address: 'New Delhi' }, body: ['Ravi'] },
  ),
  // Buttons.
  utility(
    'quick_replies',
    { body_text: BODY, buttons: replies('Yes', 'No', 'Later') },
    {
      buttons: [{ index: 1, sub_type: 'quick_reply', payload: 'answer-no' }],
    },
  ),
  utility('ten_replies', { body_text: BODY, buttons: replies(...'ABCDEFGHIJ') }),
  utility('url', { body_text: BODY, buttons: [shop] }),
  utility(
    'url_variable',
    { body_text: BODY, buttons: [track] },
    {
      buttons: [{ index: 0, sub_type: 'url', text: 'B-7' }],
    },
  ),
  utility(
    'url_example_text',
    { body_text: BODY, buttons: [{ ...track, example: 'A-1042' }] },
    { buttons: [{ index: 0, sub_type: 'url', text: 'B-7' }] },
  ),
  utility('phone', { body_text: BODY, buttons: [{ ...call, phone_number: '15550051310' }] }),
  marketing(
    'coupon',
    { body_text: 'Take a fifth off everything in our shop with this code.', buttons: [coupon] },
    {
      buttons: [{ index: 0, sub_type: 'copy_code', coupon_code: 'SUMMER25' }],
    },
  ),
  marketing(
    'all_buttons',
    {
      body_text: 'There is a lot that you can do with this message, so take your pick.',
      buttons: [...replies('Show me', 'Stop promotions'), shop, track, call, coupon],
    },
    {
      buttons: [
        { index: 0, sub_type: 'quick_reply', payload: 'show' },
        { index: 3, sub_type: 'url', text: 'B-7' },
        { index: 5, sub_type: 'copy_code', coupon_code: 'SUMMER25' },
      ],
    },
  ),
  marketing('replies_last', { body_text: BODY, buttons: [shop, call, ...replies('Yes', 'No')] }),
  utility(
    'flow',
    {
      body_text: 'Tell us how we did, it takes a minute.',
      buttons: [
        { type: 'FLOW', text: 'Answer', flow_id: '123456789', flow_action: 'navigate', navigate_screen: 'WELCOME' },
      ],
    },
    { buttons: [{ index: 0, sub_type: 'flow', flow_token: 'token-1' }] },
  ),
  marketing(
    'catalog',
    { body_text: 'Now in our shop: everything for your garden.', buttons: [{ type: 'CATALOG', text: 'View catalog' }] },
    { buttons: [{ index: 0, sub_type: 'catalog', thumbnail_product_retailer_id: 'SKU-1' }] },
  ),
  marketing(
    'mpm',
    {
      header: { type: 'TEXT', text: 'Forget something, {{1}}?' },
      body_text: 'You left these in your cart. Use code {{1}} to get a tenth off all of them!',
      examples: { header: ['Asha'], body: ['10OFF'] },
      buttons: [{ type: 'MPM', text: 'View items' }],
    },
    {
      header: ['Ravi'],
      body: ['20OFF'],
      buttons: [
        {
          index: 0,
          sub_type: 'mpm',
          thumbnail_product_retailer_id: 'SKU-1',
          sections: [{ title: 'Popular', product_retailer_ids: ['SKU-1', 'SKU-2'] }],
        },
      ],
    },
  ),
  marketing(
    'spm',
    {
      parameter_format: 'NAMED',
      header: { type: 'PRODUCT' },
      body_text: 'Use code {{code}} to get {{percent}} off our newest succulent!',
      footer_text: 'Offer ends on Sunday',
      examples: { body: { code: '15OFF', percent: '15%' } },
      buttons: [{ type: 'SPM' }],
    },
    {
      header: { product_retailer_id: 'SKU-1', catalog_id: '194836987003835' },
      body: { code: '25OFF', percent: '25%' },
    },
  ),
  utility('voice_call', {
    body_text: 'Would you like to talk to us about your order?',
    buttons: [{ type: 'VOICE_CALL', text: 'Call on WhatsApp', ttl_minutes: 1_440 }],
  }),
  utility('call_request', {
    body_text: 'We would like to call you about your order.',
    buttons: [{ type: 'CALL_REQUEST' }],
  }),
  utility('contact_info', {
    body_text: 'Please share your number, so that the driver can reach you.',
    buttons: [{ type: 'REQUEST_CONTACT_INFO' }],
  }),
  // Limited-time offers.
  marketing(
    'offer',
    {
      header: { type: 'IMAGE', media_id: SAMPLE_IMAGE },
      body_text: 'Good news, {{1}}! Use code {{2}} to get a quarter off all our island journeys!',
      limited_time_offer: { text: 'Expiring offer!', has_expiration: true },
      examples: { body: ['Asha', 'CARIBE25'] },
      buttons: [
        { type: 'COPY_CODE', example: 'CARIBE25' },
        { ...track, text: 'Book now!' },
      ],
    },
    {
      header: [IMAGE_LINK],
      body: ['Ravi', 'CARIBE30'],
      limited_time_offer: { expiration_time_ms: EXPIRES },
      buttons: [
        { index: 0, sub_type: 'copy_code', coupon_code: 'CARIBE30' },
        { index: 1, sub_type: 'url', text: 'n3mtql' },
      ],
    },
  ),
  marketing('offer_without_end', {
    body_text: 'Everything for your garden costs a fifth less.',
    limited_time_offer: { text: 'This week only' },
    buttons: [shop],
  }),
  // Carousels.
  marketing(
    'media_cards',
    {
      body_text: 'Rare succulents for sale! {{1}}, add these plants to your collection.',
      examples: { body: ['Asha'], cards: [{ body: ['blue'] }, { body: ['red'] }] },
      carousel: [
        imageCard('The {{1}} one is our best', [...replies('More like this'), track]),
        imageCard('The {{1}} one is the rarest', [...replies('More like this'), track]),
      ],
    },
    {
      body: ['Ravi'],
      cards: ['green', 'white'].map((colour, index) =>
        sentImageCard({
          body: [colour],
          buttons: [
            { index: 0, sub_type: 'quick_reply', payload: `more-${index}` },
            { index: 1, sub_type: 'url', text: `plant-${index}` },
          ],
        }),
      ),
    },
  ),
  marketing(
    'ten_cards',
    {
      body_text: 'These are our ten most beautiful chairs.',
      carousel: new Array(10).fill(null).map(() => imageCard('', [shop])),
    },
    { cards: new Array(10).fill(null).map(() => sentImageCard()) },
  ),
  marketing(
    'named_cards',
    {
      parameter_format: 'NAMED',
      body_text: 'Choose your favourite, {{first_name}}, before it is gone.',
      examples: { body: { first_name: 'Asha' }, cards: [{ body: { price: '10' } }, { body: { price: '20' } }] },
      carousel: [imageCard('Only {{price}} rupees today', [call]), imageCard('Only {{price}} rupees now', [call])],
    },
    {
      body: { first_name: 'Ravi' },
      cards: [sentImageCard({ body: { price: '11' } }), sentImageCard({ body: { price: '21' } })],
    },
  ),
  marketing(
    'video_cards',
    {
      body_text: 'Two films about how our chairs are made.',
      carousel: new Array(2)
        .fill(null)
        .map(() => ({ header: { type: 'VIDEO', media_id: SAMPLE_VIDEO }, buttons: replies('I want it') })),
    },
    { cards: [{ header: [VIDEO_LINK] }, { header: [VIDEO_LINK] }] },
  ),
  marketing(
    'product_cards',
    {
      body_text: 'Rare succulents for sale! Add these plants to your collection, {{1}}!',
      examples: { body: ['Asha'] },
      carousel: new Array(2).fill(null).map(() => ({ header: { type: 'PRODUCT' }, buttons: [{ type: 'SPM' }] })),
    },
    {
      body: ['Ravi'],
      cards: ['SKU-1', 'SKU-2', 'SKU-3'].map((product_retailer_id) => ({
        header: { product_retailer_id, catalog_id: '194836987003835' },
      })),
    },
  ),
  // Authentication.
  authentication('code', {}),
  authentication('code_with_all', {
    authentication: { add_security_recommendation: true, code_expiration_minutes: 10 },
    buttons: [{ type: 'OTP', otp_type: 'COPY_CODE', text: 'Copy code' }],
    message_send_ttl_seconds: 600,
  }),
  authentication('code_bare', { authentication: { add_security_recommendation: false } }),
  authentication('one_tap', {
    authentication: { add_security_recommendation: true, code_expiration_minutes: 5 },
    buttons: [
      { type: 'OTP', otp_type: 'ONE_TAP', text: 'Copy code', autofill_text: 'Autofill', supported_apps: [APP] },
    ],
  }),
  authentication('zero_tap', {
    buttons: [
      {
        type: 'OTP',
        otp_type: 'ZERO_TAP',
        text: 'Copy code',
        autofill_text: 'Autofill',
        zero_tap_terms_accepted: true,
        supported_apps: [APP],
      },
    ],
    message_send_ttl_seconds: 60,
  }),
  // As the predecessor's editor wrote them.
  authentication('predecessor', {
    body_text: 'Your code is {{1}}.',
    footer_text: 'This code expires in 15 minutes.',
    buttons: [{ type: 'COPY_CODE', text: 'Copy Code' }],
  }),
  // Times to live.
  utility('ttl', { body_text: BODY, message_send_ttl_seconds: 3_600 }),
  utility('ttl_month', { body_text: BODY, message_send_ttl_seconds: -1 }),
  marketing('ttl_marketing', { body_text: BODY, message_send_ttl_seconds: 86_400 }),
];

const wrong = (rule: string, field: string, parts: Body, category = 'UTILITY'): WrongTemplate => ({
  create: template(`wrong_${rule}`, category, { body_text: BODY, ...parts }),
  rule,
  field,
});
const unready = (rule: string, field: string, parts: Body, category = 'UTILITY'): WrongTemplate => ({
  ...wrong(rule, field, parts, category),
  atPush: true,
});
const wrongCode = (rule: string, field: string, parts: Body): WrongTemplate => ({
  create: template(`wrong_${rule}`, 'AUTHENTICATION', parts),
  rule,
  field,
});
const cards = (...carousel: Body[]): Body => ({ carousel });
const card = imageCard('', [shop]);

export const WRONG_TEMPLATES: readonly WrongTemplate[] = [
  // Names and the like.
  wrong('matches', 'name', { name: 'Has Capitals' }),
  wrong('matches', 'language', { language: 'english' }),
  wrong('not_in', 'category', { category: 'SPAM' }),
  wrong('not_in', 'parameter_format', { parameter_format: 'MIXED' }),
  // Texts.
  wrong('required', 'body_text', { body_text: '  ' }),
  wrong('max_length', 'body_text', { body_text: 'x'.repeat(1_025) }),
  wrong('max_length', 'footer_text', { footer_text: 'x'.repeat(61) }),
  wrong('footer_variable', 'footer_text', { footer_text: 'Order {{1}} of yours' }),
  wrong('line_break', 'footer_text', { footer_text: 'One\ntwo' }),
  wrong('max_length', 'header.text', { header: { type: 'TEXT', text: 'x'.repeat(61) } }),
  wrong('required', 'header.text', { header: { type: 'TEXT' } }),
  wrong('unknown_field', 'header.text', { header: { type: 'IMAGE', text: 'Look' } }),
  wrong('unknown_field', 'header.media_id', { header: { type: 'TEXT', text: 'Look', media_id: SAMPLE_IMAGE } }),
  wrong('line_break', 'header.text', { header: { type: 'TEXT', text: 'One\ntwo' } }),
  wrong('emoji', 'header.text', { header: { type: 'TEXT', text: 'A sale 🎉' } }),
  wrong('formatting', 'header.text', { header: { type: 'TEXT', text: 'A *big* sale' } }),
  wrong('header_variables', 'header.text', { header: { type: 'TEXT', text: 'Order {{1}} of {{2}}' } }),
  wrong('header_category', 'header.type', { header: { type: 'GIF' } }),
  wrong('product_header', 'header.type', { header: { type: 'PRODUCT' } }, 'MARKETING'),
  wrong('product_header', 'header.type', { buttons: [{ type: 'SPM' }] }, 'MARKETING'),
  // Variables.
  wrong('malformed_variable', 'body_text', { body_text: 'Hello {{1}, your order is on its way.' }),
  wrong('malformed_variable', 'body_text', { body_text: 'Hello {{first-name}}, your order is on its way.' }),
  wrong('mixed_variables', 'body_text', { body_text: 'Hello {{first_name}}, your order is on its way.' }),
  wrong('mixed_variables', 'body_text', {
    parameter_format: 'NAMED',
    body_text: 'Hello {{first_name}}, your order {{1}} is on its way.',
  }),
  wrong('variable_gap', 'body_text', { body_text: 'Hello {{1}}, your order {{3}} is on its way.' }),
  wrong('variable_name', 'body_text', { parameter_format: 'NAMED', body_text: 'Hello {{FirstName}}, welcome back.' }),
  wrong('leading_variable', 'body_text', { body_text: '{{1}} is the number of your order.' }),
  wrong('adjacent_variables', 'body_text', { body_text: 'Hello {{1}} {{2}}, your order is on its way.' }),
  unready('trailing_variable', 'body_text', {
    body_text: 'The number of your order is {{1}}',
    examples: { body: ['A'] },
  }),
  unready('too_many_variables', 'body_text', {
    body_text: 'Hi {{1}}, and {{2}}, or {{3}}!',
    examples: { body: ['a', 'b', 'c'] },
  }),
  unready('repeated_variable', 'body_text', {
    parameter_format: 'NAMED',
    body_text: 'Dear {{name}}, we tried to reach you. Call us back, {{name}}!',
    examples: { body: { name: 'Asha' } },
  }),
  // Samples.
  unready('example_missing', 'examples.body', { body_text: 'Hello {{1}}, your order is on its way.' }),
  unready('example_missing', 'examples.body', {
    body_text: 'Hello {{1}}, your order {{2}} is on its way.',
    examples: { body: ['Asha'] },
  }),
  unready('example_missing', 'examples.body', {
    parameter_format: 'NAMED',
    body_text: 'Thank you, {{first_name}}! Your order number is {{order_number}}.',
    examples: { body: { first_name: 'Asha' } },
  }),
  unready('example_missing', 'examples.header', { header: { type: 'TEXT', text: 'Order {{1}}' } }),
  wrong('example_count', 'examples.body', {
    body_text: 'Hello {{1}}, your order is on its way.',
    examples: { body: ['Asha', 'A-1042'] },
  }),
  wrong('example_unknown', 'examples.body', {
    parameter_format: 'NAMED',
    body_text: 'Hello {{name}}, your order is on its way.',
    examples: { body: { name: 'Asha', order: 'A-1042' } },
  }),
  wrong('example_form', 'examples.body', {
    parameter_format: 'NAMED',
    body_text: 'Hello {{name}}, your order is on its way.',
    examples: { body: ['Asha'] },
  }),
  wrong('example_form', 'examples.body', {
    body_text: 'Hello {{1}}, your order is on its way.',
    examples: { body: [{ deep: ['Asha'] }] },
  }),
  unready('media_sample_missing', 'header.media_id', { header: { type: 'IMAGE' } }),
  // Buttons.
  wrong('array_max_size', 'buttons', { buttons: replies(...'ABCDEFGHIJK') }),
  wrong('required', 'buttons.0.text', { buttons: [{ type: 'QUICK_REPLY' }] }),
  wrong('max_length', 'buttons.0.text', { buttons: replies('x'.repeat(26)) }),
  wrong('label_variable', 'buttons.0.text', { buttons: replies('Hello {{1}}') }),
  wrong('emoji', 'buttons.0.text', { buttons: replies('Yes 👍') }),
  wrong('button_order', 'buttons', { buttons: [...replies('Yes'), shop, ...replies('No')] }),
  wrong('button_limit', 'buttons', { buttons: [shop, { ...shop, text: 'Two' }, { ...shop, text: 'Three' }] }),
  wrong('button_limit', 'buttons', { buttons: [call, { ...call, text: 'Again' }] }),
  wrong('button_limit', 'buttons', { buttons: [coupon, coupon] }, 'MARKETING'),
  wrong('required', 'buttons.0.url', { buttons: [{ type: 'URL', text: 'Go' }] }),
  wrong('url_form', 'buttons.0.url', { buttons: [{ type: 'URL', text: 'Go', url: 'example.com' }] }),
  wrong('url_whatsapp', 'buttons.0.url', { buttons: [{ type: 'URL', text: 'Go', url: 'https://wa.me/919876500001' }] }),
  wrong('url_variable', 'buttons.0.url', {
    buttons: [{ ...track, url: 'https://example.com/{{1}}/orders' }],
  }),
  unready('example_missing', 'buttons.0.example', { buttons: [{ ...track, example: undefined }] }),
  wrong('example_form', 'buttons.0.example', { buttons: [{ ...track, example: ['a', 'b'] }] }),
  wrong('required', 'buttons.0.phone_number', { buttons: [{ type: 'PHONE_NUMBER', text: 'Call' }] }),
  wrong('phone_form', 'buttons.0.phone_number', { buttons: [{ ...call, phone_number: 'call me' }] }),
  unready('example_missing', 'buttons.0.example', { buttons: [{ type: 'COPY_CODE' }] }, 'MARKETING'),
  wrong('too_long', 'buttons.0.example', { buttons: [{ type: 'COPY_CODE', example: 'x'.repeat(21) }] }, 'MARKETING'),
  wrong('required', 'buttons.0.flow_id', { buttons: [{ type: 'FLOW', text: 'Answer' }] }),
  wrong('button_alone', 'buttons', { buttons: [{ type: 'CATALOG' }, shop] }, 'MARKETING'),
  wrong('button_category', 'buttons.0.type', { buttons: [{ type: 'MPM' }] }),
  wrong('button_category', 'buttons.0.type', { buttons: [{ type: 'OTP', otp_type: 'COPY_CODE' }] }),
  // Authentication.
  wrongCode('authentication_parts', 'header', { header: { type: 'TEXT', text: 'Your code' } }),
  wrongCode('authentication_buttons', 'buttons', { buttons: replies('Yes') }),
  wrongCode('max', 'authentication.code_expiration_minutes', { authentication: { code_expiration_minutes: 91 } }),
  wrongCode('supported_apps', 'buttons.0.supported_apps', { buttons: [{ type: 'OTP', otp_type: 'ONE_TAP' }] }),
  wrongCode('signature_hash', 'buttons.0.supported_apps.0.signature_hash', {
    buttons: [{ type: 'OTP', otp_type: 'ONE_TAP', supported_apps: [{ ...APP, signature_hash: 'short' }] }],
  }),
  wrongCode('package_name', 'buttons.0.supported_apps.0.package_name', {
    buttons: [{ type: 'OTP', otp_type: 'ONE_TAP', supported_apps: [{ ...APP, package_name: 'example' }] }],
  }),
  wrongCode('zero_tap_terms', 'buttons.0.zero_tap_terms_accepted', {
    buttons: [{ type: 'OTP', otp_type: 'ZERO_TAP', supported_apps: [APP] }],
  }),
  wrong('authentication_category', 'authentication', { authentication: { code_expiration_minutes: 5 } }),
  // Limited-time offers.
  wrong('offer_category', 'limited_time_offer', { limited_time_offer: { text: 'Today' }, buttons: [shop] }),
  wrong(
    'max_length',
    'limited_time_offer.text',
    { limited_time_offer: { text: 'x'.repeat(17) }, buttons: [shop] },
    'MARKETING',
  ),
  wrong(
    'offer_footer',
    'footer_text',
    { limited_time_offer: { text: 'Today' }, buttons: [shop], footer_text: 'Bye' },
    'MARKETING',
  ),
  wrong(
    'too_long',
    'body_text',
    { limited_time_offer: { text: 'Today' }, buttons: [shop], body_text: 'word '.repeat(121) },
    'MARKETING',
  ),
  wrong(
    'offer_header',
    'header.type',
    { limited_time_offer: { text: 'Today' }, buttons: [shop], header: { type: 'TEXT', text: 'Sale' } },
    'MARKETING',
  ),
  wrong('offer_buttons', 'buttons', { limited_time_offer: { text: 'Today' }, buttons: [shop, coupon] }, 'MARKETING'),
  // Carousels.
  wrong('carousel_category', 'carousel', cards(card, card)),
  wrong('card_count', 'carousel', cards(card), 'MARKETING'),
  wrong('carousel_parts', 'footer_text', { ...cards(card, card), footer_text: 'Bye' }, 'MARKETING'),
  wrong('cards_differ', 'carousel.1', cards(card, imageCard('With a text', [shop])), 'MARKETING'),
  wrong(
    'cards_differ',
    'carousel.1',
    cards(card, { header: { type: 'VIDEO', media_id: SAMPLE_VIDEO }, buttons: [shop] }),
    'MARKETING',
  ),
  wrong('not_in', 'carousel.1.header.type', cards(card, { ...card, header: { type: 'DOCUMENT' } }), 'MARKETING'),
  wrong('array_max_size', 'carousel.0.buttons', cards(imageCard('', replies('A', 'B', 'C')), card), 'MARKETING'),
  wrong('card_buttons', 'carousel.0.buttons', cards(imageCard('', [coupon]), imageCard('', [coupon])), 'MARKETING'),
  wrong('max_length', 'carousel.0.body_text', cards(imageCard('x'.repeat(161), [shop]), card), 'MARKETING'),
  unready(
    'media_sample_missing',
    'carousel.0.header.media_id',
    cards({ ...card, header: { type: 'IMAGE' } }, card),
    'MARKETING',
  ),
  // Times to live.
  wrong('ttl_range', 'message_send_ttl_seconds', { message_send_ttl_seconds: 50_000 }),
  wrong('ttl_range', 'message_send_ttl_seconds', { message_send_ttl_seconds: -1 }, 'MARKETING'),
];
