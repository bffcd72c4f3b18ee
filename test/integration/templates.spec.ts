import fc from 'fast-check';
import {
  buildComponents,
  renderBody,
  TemplateParameterError,
  variablesOf,
  type Template,
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
      expect(performance.now() - startedAt).toBeLessThan(2_000);
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
    expect(renderBody(template(), { body: { 1: 'Asha', 2: 'A-1 {{1}}' } })).toBe(
      'Hi Asha, your order A-1 {{1}} is on its way.',
    );
    expect(renderBody(named, { body: { first_name: 'Ravi' } })).toBe('Hi Ravi, take {{code}}.');
  });
});

describe('components of a send', () => {
  it.each<[string, Template | null, TemplateParams, object[]]>([
    ['nothing', template(), {}, []],
    ['an empty list', template(), { body: [], header: [], buttons: [] }, []],
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
          { type: 'text', parameter_name: 'code', text: 'X' },
          { type: 'text', parameter_name: 'first_name', text: 'Asha' },
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
      template({ header: { type: 'TEXT', text: '{{1}}' } }),
      { header: ['Asha'] },
      [{ type: 'header', parameters: [text('Asha')] }],
    ],
    [
      'an image by link',
      template({ header: { type: 'IMAGE' } }),
      { header: ['https://example.com/a.png'] },
      [{ type: 'header', parameters: [{ type: 'image', image: { link: 'https://example.com/a.png' } }] }],
    ],
    [
      'a document by id',
      template({ header: { type: 'DOCUMENT' } }),
      { header: { id: '123', filename: 'a.pdf' } },
      [{ type: 'header', parameters: [{ type: 'document', document: { id: '123', filename: 'a.pdf' } }] }],
    ],
    [
      'a place',
      template({ header: { type: 'LOCATION' } }),
      { header: { latitude: '1', longitude: '2', name: 'N' } },
      [{ type: 'header', parameters: [{ type: 'location', location: { latitude: '1', longitude: '2', name: 'N' } }] }],
    ],
    [
      'buttons',
      template(),
      {
        buttons: [
          { index: 0, sub_type: 'url', text: 'A-1' },
          { index: 1, sub_type: 'quick_reply', payload: 'yes' },
          { index: 2, sub_type: 'copy_code', coupon_code: 'SAVE' },
          { index: 3, sub_type: 'quick_reply' },
          { index: 4, sub_type: 'url', payload: 'B-2' },
        ],
      },
      [
        { type: 'button', sub_type: 'url', index: 0, parameters: [text('A-1')] },
        { type: 'button', sub_type: 'quick_reply', index: 1, parameters: [{ type: 'payload', payload: 'yes' }] },
        { type: 'button', sub_type: 'copy_code', index: 2, parameters: [{ type: 'coupon_code', coupon_code: 'SAVE' }] },
        { type: 'button', sub_type: 'url', index: 4, parameters: [text('B-2')] },
      ],
    ],
    [
      'a code, in the body and in the button that copies it',
      template({ category: 'AUTHENTICATION', buttons: [{ type: 'URL', text: 'Copy code' }] }),
      { body: ['123456'] },
      [body(text('123456')), { type: 'button', sub_type: 'url', index: 0, parameters: [text('123456')] }],
    ],
  ])('of %s', (_what, given, params, expected) => {
    expect(buildComponents(given, params)).toEqual(expected);
  });

  it.each<[Template | null, TemplateParams, string, string]>([
    [template(), { body: ['Asha', 'two\nlines'] }, 'body_params.2', 'not_allowed_characters'],
    [template(), { body: ['a\tb'] }, 'body_params.1', 'not_allowed_characters'],
    [template(), { body: ['a     b'] }, 'body_params.1', 'not_allowed_characters'],
    [template(), { body: [''] }, 'body_params.1', 'empty'],
    [template(), { body: { 2: 'x' } }, 'body_params.1', 'missing'],
    [template(), { body: { first_name: 'x' } }, 'body_params.first_name', 'unknown_variable'],
    [named, { body: { first_name: 'a\rb' } }, 'body_params.first_name', 'not_allowed_characters'],
    [named, { body: ['a', 'b', 'c'] }, 'body_params.3', 'unknown_variable'],
    [null, { header: ['a\nb'] }, 'header_params.1', 'not_allowed_characters'],
    [template({ header: { type: 'VIDEO' } }), { header: [] }, 'header_params.0', 'missing'],
    [template({ header: { type: 'LOCATION' } }), { header: ['x'] }, 'header_params.latitude', 'missing'],
    [null, { buttons: [{ index: 1, sub_type: 'url' }] }, 'buttons.1', 'empty'],
    [null, { buttons: [{ index: 2, sub_type: 'mpm' }] }, 'buttons.2', 'unknown_sub_type'],
  ])('refuse what Meta would refuse, naming the variable (%#)', (given, params, field, code) => {
    let error: unknown;
    try {
      buildComponents(given, params);
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(TemplateParameterError);
    const { part, variable, reason, status, options } = error as TemplateParameterError;
    expect([`${part}.${variable}`, reason, status]).toEqual([field, code, 400]);
    expect(options.errors).toMatchObject([{ field, code }]);
  });

  it('lets four spaces pass', () => {
    expect(buildComponents(null, { body: ['a    b'] })).toEqual([body(text('a    b'))]);
  });
});
