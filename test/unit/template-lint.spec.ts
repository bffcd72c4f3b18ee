import { AppError, type FieldError } from '../../src/common/app-error.js';
import { readInto } from '../../src/http/validation.js';
import { fromComponents, toComponents } from '../../src/templates/template-components.js';
import { requirePushable, toTemplateColumns } from '../../src/templates/template-definition.js';
import { lintTemplate } from '../../src/templates/template-lint.js';
import { EMPTY_PARTS, type TemplateInput, type TemplateParts } from '../../src/templates/template-parts.js';
import { CreateTemplateDto, toDraftInput } from '../../src/templates/template.dto.js';
import { GraphError } from '../../src/simulator/graph/graph-error.js';
import { readDefinition } from '../../src/simulator/validation/template-definition.js';
import { GOOD_TEMPLATES, WRONG_TEMPLATES } from '../support/template-corpus.js';

/** What a draft of this request becomes, as the route reads and stores it. */
async function columnsOf(create: object): Promise<TemplateParts> {
  const columns = toTemplateColumns(toDraftInput(await readInto(CreateTemplateDto, structuredClone(create))));
  return { ...EMPTY_PARTS, ...columns } as TemplateParts;
}

/** Meta's create call for it. */
async function definitionOf(create: Record<string, unknown>): Promise<Record<string, unknown>> {
  const parts = await columnsOf(create);
  return {
    name: create.name,
    language: create.language,
    category: parts.category,
    parameter_format: parts.parameterFormat,
    components: toComponents(parts, {
      headerHandle: '4::aW1hZ2U=',
      cardHandles: new Array<string>(10).fill('4::aW1hZ2U='),
    }),
    ...(parts.messageSendTtlSeconds === null ? {} : { message_send_ttl_seconds: parts.messageSendTtlSeconds }),
  };
}

/** The same of a wrong one, as if we had looked at nothing. */
function uncheckedDefinition(create: Record<string, unknown>): Record<string, unknown> {
  const parts = toDraftInput(structuredClone(create) as unknown as CreateTemplateDto);
  return {
    name: parts.name,
    language: create.language,
    category: parts.category,
    parameter_format: parts.parameterFormat,
    components: toComponents(parts, {
      headerHandle: parts.headerMediaId === null ? null : '4::aW1hZ2U=',
      cardHandles: parts.carousel?.map((card) => (card.header.media_id ? '4::aW1hZ2U=' : null)) ?? [],
    }),
    ...(parts.messageSendTtlSeconds === null ? {} : { message_send_ttl_seconds: parts.messageSendTtlSeconds }),
  };
}

async function errorsOf(work: () => Promise<unknown>): Promise<FieldError[]> {
  try {
    await work();
    return [];
  } catch (error) {
    if (error instanceof AppError && error.options.errors) {
      return error.options.errors;
    }
    throw error;
  }
}

/** What Meta's payload has no words for, so that Meta cannot refuse it. */
const UNSAYABLE = new Set([
  'unknown_field header.media_id',
  'authentication_category authentication',
  'example_count examples.body',
  'example_unknown examples.body NAMED',
  'example_form examples.body NAMED',
]);
const good = GOOD_TEMPLATES.map(({ create }) => [String(create.name), create] as const);
const wrong = WRONG_TEMPLATES.map((each) => [each.rule, each.field, each] as const);

describe('the corpus of templates', () => {
  it('is large, and each name in it is its own', () => {
    expect(GOOD_TEMPLATES.length).toBeGreaterThanOrEqual(45);
    expect(WRONG_TEMPLATES.length).toBeGreaterThanOrEqual(45);
    expect(new Set(GOOD_TEMPLATES.map(({ create }) => create.name)).size).toBe(GOOD_TEMPLATES.length);
  });
});

describe('a good template', () => {
  it.each(good)('%s breaks no rule, as a draft or pushed', async (_name, create) => {
    const parts = await columnsOf(create);
    expect(lintTemplate(parts, { forPush: true })).toEqual([]);
    expect(() => requirePushable(parts)).not.toThrow();
  });

  it.each(good)('%s is what Meta’s components of it say', async (_name, create) => {
    const { header, bodyText, footerText, buttons, limitedTimeOffer, carousel, authentication, examples } =
      await columnsOf(create);
    const said = fromComponents((await definitionOf(create)).components as Record<string, unknown>[]);
    expect(said).toEqual({
      header,
      bodyText,
      footerText,
      buttons,
      limitedTimeOffer,
      carousel: carousel?.map((card) => ({ ...card, header: { type: card.header.type } })) ?? null,
      authentication,
      examples,
    });
  });

  it.each(good)('%s is accepted by the simulator, and reads the same when it returns', async (_name, create) => {
    const definition = await definitionOf(create);
    const stored = readDefinition(structuredClone(definition));
    const parts = await columnsOf(create);
    const returned = fromComponents(stored.components);
    expect(returned).toMatchObject({
      header: parts.header,
      bodyText: parts.bodyText,
      footerText: parts.footerText,
      limitedTimeOffer: parts.limitedTimeOffer,
    });
    expect(returned.buttons.map(({ type }) => type)).toEqual(parts.buttons.map(({ type }) => type));
    expect(returned.authentication).toEqual(parts.authentication);
  });
});

describe('a wrong template', () => {
  it.each(wrong)('is refused: %s of %s', async (rule, field, { create, atPush }) => {
    const saved = await errorsOf(() => columnsOf(create));
    const pushed = await errorsOf(async () => requirePushable(await columnsOf(create)));
    expect(saved.slice(0, 1).map((error) => `${error.code} ${error.field}`)).toEqual(
      atPush ? [] : [`${rule} ${field}`],
    );
    expect(saved.filter((error) => error.code !== rule)).toEqual([]);
    expect(pushed).toContainEqual({ field, code: rule, message: expect.stringContaining(field) as string });
  });

  it.each(wrong)('is refused by the simulator too: %s of %s', (rule, field, { create }) => {
    const refusal = (): unknown => readDefinition(uncheckedDefinition(create));
    if (UNSAYABLE.has([rule, field, create.parameter_format].filter(Boolean).join(' '))) {
      expect(refusal).not.toThrow();
    } else {
      expect(refusal).toThrow(GraphError);
    }
  });
});

describe('a draft', () => {
  it('keeps characters out that PostgreSQL cannot keep', async () => {
    for (const text of ['a\u0000b', 'a\ud800b']) {
      const body = { name: 'x', category: 'UTILITY', body_text: 'Hi {{1}}, welcome', examples: { body: [text] } };
      expect(await errorsOf(() => columnsOf(body))).toMatchObject([
        { field: 'examples.body.0', code: 'not_allowed_characters' },
      ]);
    }
    const half = { name: 'x', category: 'UTILITY', body_text: 'Hello \ud800 there' };
    expect(await errorsOf(() => columnsOf(half))).toMatchObject([
      { field: 'body_text', code: 'not_allowed_characters' },
    ]);
  });

  it('takes a deep example for what it is: no example', async () => {
    let example: unknown = 'x';
    for (let depth = 0; depth < 200; depth += 1) {
      example = [example];
    }
    const button = { type: 'URL', text: 'Go', url: 'https://example.com/{{1}}', example };
    const body = { name: 'x', category: 'UTILITY', body_text: 'Hello there', buttons: [button] };
    expect((await errorsOf(() => columnsOf(body))).map(({ code }) => code)).toContain('not_allowed_characters');
  });

  it('reads back as it was, whatever is changed in it: its columns are an input again', async () => {
    for (const { create } of GOOD_TEMPLATES) {
      const parts = await columnsOf(create);
      const again = toTemplateColumns({ ...parts, name: String(create.name), language: String(create.language) });
      expect({ ...EMPTY_PARTS, ...again }).toEqual(parts);
    }
  });

  it('that Meta has returned is an input again, and comes to the same', () => {
    const auth = 'https://www.whatsapp.com/otp/code/?otp_type=ONE_TAP&cta_display_name=Autofill';
    const returned = [
      [
        { type: 'BODY', text: 'Take a fifth off with this code, {{1}}!', example: { body_text: 'Asha' } },
        {
          type: 'BUTTONS',
          buttons: [
            { type: 'COPY_CODE', text: 'Copy offer code', example: ['SPRING20'] },
            {
              type: 'URL',
              text: 'Shop',
              url: 'https://example.com/{{1}}',
              example: 'https://example.com/a',
              extra: null,
            },
          ],
        },
        { type: 'SOMETHING_NEW', text: 'that we do not know' },
      ],
      [
        {
          type: 'BODY',
          text: 'आपका वेरिफ़िकेशन कोड *{{1}}* है।',
          add_security_recommendation: false,
          example: { body_text: [['123456']] },
        },
        { type: 'FOOTER', text: 'यह कोड 10 मिनट में एक्सपायर हो जाता है।', code_expiration_minutes: 10 },
        {
          type: 'BUTTONS',
          buttons: [
            {
              type: 'URL',
              text: 'कोड कॉपी करें',
              url: `${auth}&package_name=com.example.app&signature_hash=K8a%2FAINcGX7&code=otp{{1}}`,
              example: [`${auth}&code=otp123456`],
            },
          ],
        },
      ],
    ];
    const [offer, code] = returned.map((components, index) => ({
      ...EMPTY_PARTS,
      name: 'x',
      language: index === 0 ? 'en' : 'hi',
      category: index === 0 ? 'MARKETING' : 'AUTHENTICATION',
      ...fromComponents(components),
    }));
    for (const input of [offer, code]) {
      expect(toTemplateColumns(input as TemplateInput)).toMatchObject(input as object);
    }
    expect(code?.buttons).toEqual([
      {
        type: 'OTP',
        otp_type: 'ONE_TAP',
        text: 'कोड कॉपी करें',
        autofill_text: 'Autofill',
        supported_apps: [{ package_name: 'com.example.app', signature_hash: 'K8a/AINcGX7' }],
      },
    ]);
    expect(offer?.buttons[0]).toEqual({ type: 'COPY_CODE', example: 'SPRING20' });
  });

  it('of an authentication template has Meta’s texts, whatever was given', async () => {
    const parts = await columnsOf({
      name: 'x',
      category: 'AUTHENTICATION',
      body_text: 'My own text with {{1}} in it.',
      footer_text: 'Valid for 15 minutes',
      buttons: [{ type: 'COPY_CODE', text: 'Copy Code' }],
    });
    expect(parts).toMatchObject({
      bodyText: '*{{1}}* is your verification code. For your security, do not share this code.',
      footerText: 'This code expires in 15 minutes.',
      authentication: { add_security_recommendation: true, code_expiration_minutes: 15 },
      buttons: [{ type: 'OTP', otp_type: 'COPY_CODE', text: 'Copy Code' }],
    });
    expect(toComponents(parts)).toEqual([
      { type: 'BODY', add_security_recommendation: true },
      { type: 'FOOTER', code_expiration_minutes: 15 },
      { type: 'BUTTONS', buttons: [{ type: 'OTP', otp_type: 'COPY_CODE', text: 'Copy Code' }] },
    ]);
  });
});

describe('what cannot be read', () => {
  it.each([
    [[{}]],
    [[null]],
    [[{ type: 'HEADER' }]],
    [[{ type: 7, text: [] }]],
    [[{ type: 'CAROUSEL', cards: [null, { components: 'no' }] }]],
    [[{ type: 'BUTTONS', buttons: [null, 1, { type: null }] }]],
    [[{ type: 'BODY', text: 'x', example: { body_text: [[1]], body_text_named_params: [{}] } }]],
    [[{ type: 'LIMITED_TIME_OFFER', limited_time_offer: 'no' }]],
  ])('of Meta’s components does no harm: %j', (components) => {
    expect(fromComponents(components as Record<string, unknown>[])).toMatchObject({ bodyText: expect.any(String) });
  });
});
