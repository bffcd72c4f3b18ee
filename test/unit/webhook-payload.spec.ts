import fc from 'fast-check';
import {
  asArray,
  asObject,
  idOf,
  integerOf,
  itemsOf,
  parseWebhook,
  readJson,
  textOf,
  timeOf,
  type Change,
} from '../../src/meta/webhook-payload.js';

const RECEIVED_AT = new Date('2026-11-21T10:00:00.000Z');

function parse(body: unknown): ReturnType<typeof parseWebhook> {
  return parseWebhook(Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)), RECEIVED_AT);
}

function changesOf(body: unknown): Change[] {
  const parsed = parse(body);
  if (!parsed.ok) {
    throw new Error(parsed.error);
  }
  return parsed.changes;
}

/** The value of the only change of a body whose `value` is this JSON text. */
function valueOf(json: string): Record<string, unknown> {
  const [change] = changesOf(`{"entry":[{"id":"1","changes":[{"field":"x","value":${json}}]}]}`);
  return (change as Change).value;
}

function nested(depth: number): string {
  return '['.repeat(depth) + ']'.repeat(depth);
}

describe('reading a webhook body', () => {
  it('finds each change with its field, its WABA and its number', () => {
    const body = {
      object: 'whatsapp_business_account',
      entry: [
        { id: '21', changes: [{ field: 'messages', value: { metadata: { phone_number_id: '31' }, messages: [] } }] },
        {
          id: '22',
          time: 1_790_000_000,
          changes: [
            { value: { event: 'APPROVED' }, field: 'message_template_status_update' },
            { value: {}, field: 'a_field_of_tomorrow' },
          ],
        },
      ],
    };
    const sorts = changesOf(body).map(({ field, entryId, phoneNumberId, entryTime, receivedAt }) => ({
      field,
      entryId,
      phoneNumberId,
      entryTime,
      receivedAt,
    }));
    expect(sorts).toEqual([
      { field: 'messages', entryId: '21', phoneNumberId: '31', entryTime: null, receivedAt: RECEIVED_AT },
      {
        field: 'message_template_status_update',
        entryId: '22',
        phoneNumberId: null,
        entryTime: new Date(1_790_000_000_000),
        receivedAt: RECEIVED_AT,
      },
      {
        field: 'a_field_of_tomorrow',
        entryId: '22',
        phoneNumberId: null,
        entryTime: new Date(1_790_000_000_000),
        receivedAt: RECEIVED_AT,
      },
    ]);
  });

  it('takes numbers where text belongs', () => {
    expect(
      changesOf({
        entry: [{ id: 21, changes: [{ field: 'messages', value: { metadata: { phone_number_id: 31 } } }] }],
      }),
    ).toMatchObject([{ entryId: '21', phoneNumberId: '31' }]);
  });

  it('says what stands between the changes and is none, and reads the others', () => {
    const good = { field: 'messages', value: {} };
    const parsed = parse({
      entry: [
        { id: '1', changes: [good, null, 'x', { field: 'messages' }, { value: {} }, { field: 7, value: {} }] },
        null,
        'x',
        { id: '2', changes: 'none' },
        { id: '3', changes: [{ field: 'messages', value: [1] }, good] },
      ],
    });
    expect(parsed).toMatchObject({ ok: true, changes: [{ entryId: '1' }, { entryId: '3' }] });
    expect(parsed).toHaveProperty('unreadable.length', 6);
  });

  it.each([
    ['nothing', ''],
    ['half a body', '{"entry":[{"id":"1"'],
    ['HTML', '<html></html>'],
    ['a raw NUL', '{"entry":[{"id":"\u0000"}]}'],
    ['a byte order mark', '\ufeff{"entry":[]}'],
    ['null', 'null'],
    ['text', '"entry"'],
    ['a list', '[{"entry":[]}]'],
    ['no entry', '{"object":"page"}'],
    ['an empty entry', '{"entry":[]}'],
    ['an entry that is no list', '{"entry":{"id":"1"}}'],
  ])('refuses %s with a reason', (_what, body) => {
    expect(parse(body)).toEqual({ ok: false, error: expect.stringMatching(/^(not JSON: |has no entry$)/) as string });
  });

  it('gives a reason that can be stored, though it quotes the body', () => {
    const parsed = parseWebhook(Buffer.from([0, 0x22, 0]), RECEIVED_AT);
    expect(parsed).toEqual({ ok: false, error: expect.not.stringContaining('\u0000') as string });
  });

  it('survives bytes that are no UTF-8', () => {
    const body = Buffer.concat([
      Buffer.from('{"entry":[{"id":"'),
      Buffer.from([0xff, 0xc0, 0xed, 0xa0, 0x80]),
      Buffer.from('"}]}'),
    ]);
    expect(parseWebhook(body, RECEIVED_AT).ok).toBe(true);
  });

  it('takes 64 levels and no more, without using the stack', () => {
    expect(readJson(Buffer.from(nested(64))).ok).toBe(true);
    for (const depth of [65, 10_000, 1_000_000]) {
      expect(readJson(Buffer.from(nested(depth)))).toEqual({ ok: false, error: 'nested deeper than 64 levels' });
    }
    expect(readJson(Buffer.from('{"a":'.repeat(5_000))).ok).toBe(false);
  });

  it('does not count brackets inside of text', () => {
    expect(readJson(Buffer.from(JSON.stringify({ text: `\\"${'['.repeat(500)}` }))).ok).toBe(true);
  });

  describe('makes what PostgreSQL takes', () => {
    it('puts a replacement character for NUL, in values and in keys', () => {
      expect(valueOf('{"a":"x\\u0000y","k\\u0000":{"\\u0000":1}}')).toEqual({
        a: 'x\ufffdy',
        'k\ufffd': { '\ufffd': 1 },
      });
    });

    it('puts a replacement character for half a surrogate pair, whichever half, in values and in keys', () => {
      expect(valueOf('{"high":"\\ud83d","low":"\\ude00","turned":"\\uDE00\\uD83D","\\udc00":1}')).toEqual({
        high: '\ufffd',
        low: '\ufffd',
        turned: '\ufffd\ufffd',
        '\ufffd': 1,
      });
    });

    it('leaves whole pairs, and text that only looks like an escape', () => {
      expect(valueOf('{"emoji":"\\ud83d\\ude00","text":"\\\\u0000 \\\\ud83d"}')).toEqual({
        emoji: '😀',
        text: '\\u0000 \\ud83d',
      });
    });

    it.each(['__proto__', '\\u005f_proto__', '__\\u0070roto__'])('drops the key %s at any depth', (key) => {
      const value = valueOf(`{"${key}":{"polluted":1},"a":[{"${key}":null,"b":1}]}`);
      expect(Object.getOwnPropertyNames(value)).toEqual(['a']);
      expect(value.a).toEqual([{ b: 1 }]);
      expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    });
  });

  it('keeps integers that a double cannot, as text, and touches no other number', () => {
    expect(
      valueOf(
        '{"id":12345678901234567,"neg":[-98765432109876543],"text":"x: 12345678901234567","float":0.12345678901234567,"exp":1234567890123456e2,"small":42,"q":"\\",12345678901234567"}',
      ),
    ).toEqual({
      id: '12345678901234567',
      neg: ['-98765432109876543'],
      text: 'x: 12345678901234567',
      float: 0.12345678901234567,
      exp: 1234567890123456e2,
      small: 42,
      q: '",12345678901234567',
    });
  });

  it('survives any JSON at any place: it is read or refused, and what was read can be stored as jsonb', () => {
    const anything = fc.oneof(
      fc.jsonValue({ maxDepth: 6 }),
      // Any UTF-16 at all, lone surrogates and NUL included.
      fc.array(fc.integer({ min: 0, max: 0xffff })).map((units) => String.fromCharCode(...units)),
      fc.constantFrom(1e308, -0, Number.MAX_SAFE_INTEGER, '__proto__', 'constructor'),
    );
    const places = [
      (value: unknown) => value,
      (value: unknown) => ({ entry: value }),
      (value: unknown) => ({ entry: [value] }),
      (value: unknown) => ({ entry: [{ id: value, time: value, changes: [{ field: 'messages', value: {} }] }] }),
      (value: unknown) => ({ entry: [{ changes: value }] }),
      (value: unknown) => ({ entry: [{ changes: [{ field: value, value: { a: value } }] }] }),
      (value: unknown) => ({ entry: [{ changes: [{ field: 'messages', value }] }] }),
      (value: unknown) => ({
        entry: [{ changes: [{ field: 'messages', value: { messages: value, statuses: [value] } }] }],
      }),
    ];
    fc.assert(
      fc.property(anything, fc.constantFrom(...places), (value, place) => {
        const parsed = parse(place(value));
        if (!parsed.ok) {
          expect(parsed.error).not.toBe('');
          return;
        }
        for (const change of parsed.changes.flatMap(itemsOf)) {
          const stored = JSON.stringify(change.value);
          expect(stored).not.toMatch(/(?<!\\)(\\\\)*\\u0000/);
          expect(stored).not.toMatch(/(?<!\\)(\\\\)*\\ud[89a-f]/);
          expect(change.field.length).toBeLessThanOrEqual(100);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('survives any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(typeof parseWebhook(Buffer.from(bytes), RECEIVED_AT).ok).toBe('boolean');
      }),
    );
  });
});

describe('taking a change apart', () => {
  it('makes one change of each message and each status, with everything that stood beside them', () => {
    const [change] = changesOf({
      entry: [
        {
          id: '1',
          changes: [
            {
              field: 'messages',
              value: { metadata: { phone_number_id: '3' }, contacts: ['c'], messages: [1, 2], statuses: [3] },
            },
          ],
        },
      ],
    }) as [Change];
    expect(itemsOf(change).map(({ field, phoneNumberId, value }) => ({ field, phoneNumberId, value }))).toEqual(
      [{ messages: [1] }, { messages: [2] }, { statuses: [3] }].map((item) => ({
        field: 'messages',
        phoneNumberId: '3',
        value: { metadata: { phone_number_id: '3' }, contacts: ['c'], ...item },
      })),
    );
  });

  it('leaves a change without messages and statuses whole', () => {
    const [change] = changesOf({ entry: [{ changes: [{ field: 'flows', value: { event: 'X' } }] }] }) as [Change];
    expect(itemsOf(change)).toEqual([change]);
  });
});

describe('tolerant readers', () => {
  it('read an id from text or a number, of at most 512 bytes', () => {
    expect(idOf('wamid.1')).toBe('wamid.1');
    expect(idOf(42)).toBe('42');
    expect(idOf('x'.repeat(512))).toHaveLength(512);
    expect(idOf('ü'.repeat(256))).toHaveLength(256);
    for (const none of ['', 'x'.repeat(513), 'ü'.repeat(257), Infinity, NaN, null, undefined, true, {}, ['1']]) {
      expect(idOf(none)).toBeNull();
    }
  });

  it('read text up to a length, and never half of a character', () => {
    expect(textOf('abc', 2)).toBe('ab');
    expect(textOf('a😀', 2)).toBe('a');
    expect(textOf('a😀', 3)).toBe('a😀');
    expect(textOf('')).toBe('');
    expect(textOf('x'.repeat(100_000))).toHaveLength(65_536);
    expect([textOf(1), textOf(null), textOf({}), textOf(undefined)]).toEqual([null, null, null, null]);
  });

  it('read a whole number that fits, from a number or text', () => {
    expect([integerOf(131_026), integerOf('131026'), integerOf(-1), integerOf(0)]).toEqual([131_026, 131_026, -1, 0]);
    for (const none of [1.5, 2 ** 31, '99999999999', Infinity, '', ' ', 'x', null, true, [1]]) {
      expect(integerOf(none)).toBeNull();
    }
  });

  it('read a time in seconds, and take the time of receipt for what cannot be one', () => {
    expect(timeOf('1790000000', RECEIVED_AT)).toEqual(new Date(1_790_000_000_000));
    expect(timeOf(1_790_000_000, RECEIVED_AT)).toEqual(new Date(1_790_000_000_000));
    const dayAhead = RECEIVED_AT.getTime() / 1_000 + 86_400;
    expect(timeOf(dayAhead, RECEIVED_AT)).toEqual(new Date(dayAhead * 1_000));
    for (const none of [
      dayAhead + 1,
      '99999999999999',
      '1790000000000',
      1e400,
      -1,
      0,
      '0',
      '',
      ' ',
      'yesterday',
      NaN,
      null,
      undefined,
      {},
      [],
    ]) {
      expect(timeOf(none, RECEIVED_AT)).toEqual(RECEIVED_AT);
    }
  });

  it('never throw, whatever they are given', () => {
    fc.assert(
      fc.property(fc.anything(), (value) => {
        asObject(value);
        asArray(value);
        idOf(value);
        textOf(value, 10);
        integerOf(value);
        expect(timeOf(value, RECEIVED_AT).getTime()).not.toBeNaN();
      }),
    );
  });
});
