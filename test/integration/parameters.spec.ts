import { startTestApp, type TestApp } from '../support/app.js';

describe('the parameters of statements', () => {
  let api: TestApp;

  beforeAll(async () => {
    api = await startTestApp();
  });
  afterAll(() => api.close());

  async function echo(type: string, value: unknown): Promise<unknown> {
    const [row] = await api.db.query<{ v: unknown }>(`select $1::${type} as v`, [value]);
    return row?.v;
  }

  it.each([
    [
      'text[]',
      [
        'plain',
        '',
        ' ',
        'NULL',
        'null',
        null,
        'a,b',
        '{x}',
        'say "hi"',
        "it's",
        '\\',
        '\\"',
        'a\\nb',
        'Zeile\n\t',
        'नमस्ते 👍',
      ],
    ],
    ['text[]', []],
    ['text[]', [null]],
    ['int[]', [0, -1, 2_147_483_647, null]],
    ['float8[]', [1.5, -1e-7, 1e21, Number.NaN, Number.POSITIVE_INFINITY]],
    ['bigint[]', [Number.MAX_SAFE_INTEGER, null]],
    ['boolean[]', [true, false, null]],
    [
      'int[][]',
      [
        [1, 2],
        [3, 4],
      ],
    ],
    ['bytea[]', [Buffer.from([0, 92, 255])]],
  ])('%s come as they are: %j', async (type, values) => {
    expect(await echo(type, values)).toEqual(values);
  });

  it.each([
    '2026-11-22T10:11:12.345Z',
    '0001-01-01T00:00:00.000Z',
    '9999-12-31T23:59:59.999Z',
    '+010000-01-01T00:00:00.000Z',
    '-000001-01-01T00:00:00.000Z',
  ])('a date in an array is the moment it is: %s', async (iso) => {
    expect(await echo('timestamptz[]', [new Date(iso), null])).toEqual([new Date(iso), null]);
  });

  it('JSON in an array is what it was', async () => {
    const values = [{ text: 'He said "no\\yes"\n', list: [1, null], empty: {} }, 'a "string"', 7];
    expect(await echo('jsonb[]', [...values.map((value) => JSON.stringify(value)), null])).toEqual([...values, null]);
  });

  it('undefined is null', async () => {
    expect(await echo('text[]', ['a', undefined])).toEqual(['a', null]);
  });
});
