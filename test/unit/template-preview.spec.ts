import { toTemplateColumns } from '../../src/templates/template-definition.js';
import { EMPTY_PARTS, type TemplateInput } from '../../src/templates/template-parts.js';
import { previewTemplate, type PreviewedTemplate, type TemplatePreview } from '../../src/templates/template-preview.js';
import { toDraftInput, type CreateTemplateDto } from '../../src/templates/template.dto.js';
import type { TemplateParams } from '../../src/templates/template.js';
import { GOOD_TEMPLATES } from '../support/template-corpus.js';

function templateOf(create: object): PreviewedTemplate {
  return toTemplateColumns(toDraftInput(structuredClone(create) as CreateTemplateDto)) as PreviewedTemplate;
}

function preview(parts: Partial<TemplateInput>, params: TemplateParams = {}): TemplatePreview {
  const input = { ...EMPTY_PARTS, name: 'x', language: 'en', category: 'MARKETING', bodyText: 'Hello there', ...parts };
  return previewTemplate(toTemplateColumns(input) as PreviewedTemplate, params);
}

describe('a preview', () => {
  it.each(GOOD_TEMPLATES.map((each) => [String(each.create.name), each] as const))(
    'of %s has nothing missing, and no variable is left in it',
    (_name, { create, send }) => {
      const shown = previewTemplate(templateOf(create), send);
      expect(shown.missing).toEqual([]);
      expect(JSON.stringify(shown)).not.toMatch(/\{\{|\}\}/);
    },
  );

  it('shows every part as a person sees it', () => {
    const shown = preview(
      {
        header: { type: 'TEXT', text: 'Order {{1}}' },
        bodyText: 'Hi {{1}}, order {{2}} is ready. See you, {{1}}!',
        footerText: 'Thank you',
        buttons: [
          { type: 'QUICK_REPLY', text: 'Thanks' },
          { type: 'URL', text: 'Track', url: 'https://example.com/orders/{{1}}' },
          { type: 'PHONE_NUMBER', text: 'Call', phone_number: '+919876500001' },
          { type: 'COPY_CODE', example: 'SPRING' },
        ],
      },
      {
        header: ['A-1'],
        body: ['Asha', 'A-1'],
        buttons: [
          { index: 1, text: 'A-1' },
          { index: 3, coupon_code: 'SUMMER' },
        ],
      },
    );
    expect(shown).toEqual({
      header: { type: 'TEXT', text: 'Order A-1' },
      body: 'Hi Asha, order A-1 is ready. See you, Asha!',
      footer: 'Thank you',
      limited_time_offer: null,
      buttons: [
        { type: 'QUICK_REPLY', text: 'Thanks' },
        { type: 'URL', text: 'Track', url: 'https://example.com/orders/A-1' },
        { type: 'PHONE_NUMBER', text: 'Call', phone_number: '+919876500001' },
        { type: 'COPY_CODE', text: 'Copy offer code', code: 'SUMMER' },
      ],
      cards: [],
      missing: [],
    });
  });

  it('names what is missing, and leaves it as it is written', () => {
    const card = (media_id?: number) => ({
      header: { type: 'IMAGE', ...(media_id ? { media_id } : {}) },
      body_text: 'Only {{1}} today',
      buttons: [{ type: 'URL', text: 'Buy', url: 'https://example.com/{{1}}' }],
    });
    const shown = preview(
      { bodyText: 'Hi {{1}}, take {{2}} home!', carousel: [card(7), card()] },
      {
        body: { 2: 'one' },
        cards: [{ body: ['10'], buttons: [{ index: 0, text: 'a' }] }],
      },
    );
    expect(shown.body).toBe('Hi {{1}}, take one home!');
    expect(shown.cards.map(({ body }) => body)).toEqual(['Only 10 today', 'Only {{1}} today']);
    expect(shown.cards.map(({ header }) => header)).toEqual([{ type: 'IMAGE', media: '7' }, { type: 'IMAGE' }]);
    expect([...shown.missing].sort()).toEqual(
      ['body.1', 'cards.1.header', 'cards.1.body.1', 'cards.1.buttons.0'].sort(),
    );
  });

  it('takes named variables by name, and in a list by the order they appear in', () => {
    const parts = { parameterFormat: 'NAMED', bodyText: 'Dear {{first_name}}, your code {{code}} is here.' } as const;
    expect(preview(parts, { body: { code: 'X', first_name: 'Asha' } }).body).toBe('Dear Asha, your code X is here.');
    expect(preview(parts, { body: ['Asha', 'X'] }).body).toBe('Dear Asha, your code X is here.');
    expect(preview(parts, { body: { constructor: 'no' } as never }).missing).toEqual(['body.first_name', 'body.code']);
  });

  it('does not take a value for a variable', () => {
    const shown = preview({ bodyText: 'Hi {{1}}, take {{2}} home!' }, { body: ['{{2}}', '$& {{1}}'] });
    expect(shown.body).toBe('Hi {{2}}, take $& {{1}} home!');
  });

  it.each([
    ['2030-12-31T18:00:00.000Z', '2030-12-31T18:00:00.000Z', []],
    [1_924_970_400_000, '2030-12-31T18:00:00.000Z', []],
    ['1924970400000', '2030-12-31T18:00:00.000Z', []],
    ['whenever', null, ['limited_time_offer']],
    [undefined, null, ['limited_time_offer']],
    [9e15, null, ['limited_time_offer']],
  ])('shows until when an offer holds: %p', (given, expires_at, missing) => {
    const shown = preview(
      {
        limitedTimeOffer: { text: 'Today', has_expiration: true },
        buttons: [{ type: 'URL', text: 'Buy', url: 'https://example.com/' }],
      },
      given === undefined ? {} : { limited_time_offer: { expiration_time_ms: given } },
    );
    expect([shown.limited_time_offer, shown.missing]).toEqual([{ text: 'Today', expires_at }, missing]);
  });

  it('shows the code of an authentication template in its text and on its button', () => {
    const parts = { category: 'AUTHENTICATION', authentication: { code_expiration_minutes: 5 } };
    expect(preview(parts, { body: ['483920'] })).toMatchObject({
      body: '*483920* is your verification code.',
      footer: 'This code expires in 5 minutes.',
      buttons: [{ type: 'OTP', text: 'Copy code', code: '483920' }],
    });
  });
});
