import fc from 'fast-check';
import { GraphError } from '../../src/simulator/graph/graph-error.js';
import { readDefinition } from '../../src/simulator/validation/template-definition.js';
import { toComponents } from '../../src/templates/template-components.js';
import { lintTemplate } from '../../src/templates/template-lint.js';
import { EMPTY_PARTS, type TemplateParts } from '../../src/templates/template-parts.js';
import { variablesOf } from '../../src/templates/template.js';

/*
 * Our lint and the simulator's rules were written apart, each from Meta's pages. What one lets through, the other must: a
 * template that we push and Meta refuses, and one that we refuse and Meta would take, are both our mistakes.
 */
const piece = fc.constantFrom(
  ...['{{1}}', '{{2}}', '{{3}}', '{{name}}', '{{First}}', '{{a-b}}', '{{', '}}', '{', ' ', '  ', '\n', '.', ', '],
  ...['hello', 'order', 'आपका', '您的订单', 'x'.repeat(30), '*', '_', '~', '_so_', '~no~', '```', '🎉', 'ß', '5'],
);
const phrase = fc.array(piece, { maxLength: 14 }).map((pieces) => pieces.join(''));
const label = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('Yes', 'No', 'Show me') },
  { weight: 1, arbitrary: phrase },
);
const url = fc.constantFrom(
  ...['https://example.com', 'https://example.com/{{1}}', 'http://a/{{1}}/b', 'https://a.b/{{1}}{{2}}', 'ftp://x'],
  ...[
    'https://wa.me/1',
    'example.com/{{1}}',
    'https://',
    'https://a b/',
    'https://example.com/{{x',
    'HTTPS://A.example/?q={{1}}',
  ],
);
const example = fc.constantFrom<unknown>(undefined, 'A-1', ['A-1'], [''], ['a', 'b'], 7);
const button = fc.oneof(
  fc.record({ type: fc.constant('QUICK_REPLY'), text: label }),
  fc.record({ type: fc.constant('URL'), text: label, url, example }),
  fc.record({
    type: fc.constant('PHONE_NUMBER'),
    text: label,
    phone_number: fc.constantFrom(
      '+919876500001',
      '15550051310',
      '123',
      'call me',
      '+1 (555) 005-1310',
      '1'.repeat(21),
    ),
  }),
  fc.record({ type: fc.constant('COPY_CODE'), example: fc.constantFrom<unknown>(undefined, 'CODE', 'x'.repeat(21)) }),
  fc.record({ type: fc.constantFrom('CATALOG', 'MPM', 'SPM', 'VOICE_CALL', 'ORDER_DETAILS'), text: label }),
  fc.record({ type: fc.constant('FLOW'), text: label, flow_id: fc.constantFrom<unknown>(undefined, '12') }),
);
const header = fc.oneof(
  { weight: 3, arbitrary: fc.constant(null) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('TEXT'), text: phrase }) },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constantFrom('IMAGE', 'VIDEO', 'GIF', 'DOCUMENT', 'LOCATION', 'PRODUCT') }),
  },
);
const card = fc.record({
  header: fc.record({
    type: fc.constantFrom('IMAGE', 'IMAGE', 'VIDEO', 'PRODUCT', 'TEXT'),
    media_id: fc.constant(1),
  }),
  body_text: fc.oneof({ weight: 3, arbitrary: fc.constant('') }, { weight: 1, arbitrary: phrase }),
  buttons: fc.array(button, { maxLength: 3 }),
});
const partsOfAny = fc.record({
  category: fc.constantFrom('MARKETING', 'UTILITY'),
  parameterFormat: fc.constantFrom('POSITIONAL' as const, 'NAMED' as const),
  header,
  bodyText: fc.oneof(
    { weight: 6, arbitrary: fc.constant('Hello there, how are you?') },
    { weight: 1, arbitrary: phrase },
  ),
  footerText: fc.oneof({ weight: 3, arbitrary: fc.constant('') }, { weight: 1, arbitrary: phrase }),
  buttons: fc.oneof(
    { weight: 2, arbitrary: fc.constant([]) },
    { weight: 3, arbitrary: fc.array(button, { maxLength: 4 }) },
  ),
  limitedTimeOffer: fc.option(fc.record({ text: label, has_expiration: fc.boolean() }), { freq: 4 }),
  carousel: fc.option(fc.array(card, { minLength: 1, maxLength: 3 }), { freq: 4 }),
  messageSendTtlSeconds: fc.constantFrom(null, null, null, 60, -1, 100_000),
});

/** With a sample for every variable, and a file for every header that shows one: else no template would pass. */
function whole(parts: Partial<TemplateParts> & Pick<TemplateParts, 'category' | 'carousel'>): TemplateParts {
  const given: TemplateParts = { ...EMPTY_PARTS, ...parts };
  given.buttons = given.buttons.map(withoutUnsent);
  const hasFile = given.header !== null && ['IMAGE', 'VIDEO', 'GIF', 'DOCUMENT'].includes(given.header.type);
  const samples = (names: string[]): string[] | Record<string, string> =>
    given.parameterFormat === 'NAMED' ? Object.fromEntries(names.map((name) => [name, 'a'])) : names.map(() => 'a');
  const { header: inHeader, body } = variablesOf(given);
  return {
    ...given,
    headerMediaId: hasFile ? 1 : null,
    carousel:
      given.carousel?.map((each) => ({
        ...each,
        header: ['IMAGE', 'VIDEO'].includes(each.header.type) ? each.header : { type: each.header.type },
        buttons: each.buttons.map(withoutUnsent),
      })) ?? null,
    examples: {
      header: samples(inHeader),
      body: samples(body),
      cards: (given.carousel ?? []).map((each) => ({
        body: samples(variablesOf({ ...given, bodyText: each.body_text }).body),
      })),
    },
  };
}

/** The example of a URL without a variable is not sent, so Meta has nothing to say of it. */
function withoutUnsent(one: Record<string, unknown>): Record<string, unknown> {
  const { example: _unsent, ...rest } = one;
  return one.type === 'URL' && !String(one.url).includes('{{') ? rest : one;
}

function refusalOf(parts: TemplateParts): string | null {
  const components = toComponents(parts, {
    headerHandle: parts.headerMediaId === null ? null : '4::aW1hZ2U=',
    cardHandles: parts.carousel?.map(() => '4::aW1hZ2U=') ?? [],
  });
  const ttl = parts.messageSendTtlSeconds;
  try {
    readDefinition({
      name: 'x',
      language: 'en',
      category: parts.category,
      parameter_format: parts.parameterFormat,
      components,
      ...(ttl === null ? {} : { message_send_ttl_seconds: ttl }),
    });
    return null;
  } catch (error) {
    if (error instanceof GraphError) {
      return error.body();
    }
    throw error;
  }
}

describe('our lint and the simulator', () => {
  it('agree on whole templates', () => {
    let passed = 0;
    fc.assert(
      fc.property(partsOfAny, (any) => {
        const parts = whole(any as never);
        const findings = lintTemplate(parts, { forPush: true });
        const refusal = refusalOf(parts);
        passed += refusal === null ? 1 : 0;
        expect({ refused: refusal !== null, findings, refusal }).toMatchObject({ refused: findings.length > 0 });
      }),
      { numRuns: 2_000 },
    );
    expect(passed).toBeGreaterThan(10);
  });

  it.each([
    ['bodies', (text: string) => ({ bodyText: text })],
    ['headers', (text: string) => ({ bodyText: 'Hello there', header: { type: 'TEXT', text } })],
    ['footers', (text: string) => ({ bodyText: 'Hello there', footerText: text })],
    ['labels', (text: string) => ({ bodyText: 'Hello there', buttons: [{ type: 'QUICK_REPLY', text }] })],
  ])('agree on %s', (_name, partsWith) => {
    let passed = 0;
    const format = fc.constantFrom('POSITIONAL' as const, 'NAMED' as const);
    fc.assert(
      fc.property(phrase, format, (text, parameterFormat) => {
        const parts = whole({ ...partsWith(text), parameterFormat, category: 'UTILITY', carousel: null });
        const findings = lintTemplate(parts, { forPush: true });
        const refusal = refusalOf(parts);
        passed += refusal === null ? 1 : 0;
        expect({ refused: refusal !== null, findings, refusal }).toMatchObject({ refused: findings.length > 0 });
      }),
      { numRuns: 1_500 },
    );
    expect(passed).toBeGreaterThan(50);
  });

  it('agree on single buttons', () => {
    fc.assert(
      fc.property(button, fc.constantFrom('MARKETING', 'UTILITY'), (one, category) => {
        const parts = whole({ bodyText: 'Hello there', buttons: [one], category, carousel: null });
        const findings = lintTemplate(parts, { forPush: true });
        const refusal = refusalOf(parts);
        expect({ refused: refusal !== null, findings, refusal }).toMatchObject({ refused: findings.length > 0 });
      }),
      { numRuns: 1_500 },
    );
  });
});
