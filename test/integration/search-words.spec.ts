import fc from 'fast-check';
import pg from 'pg';
import { readSearch } from '../../src/inbox/search-words.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';

/** Words are cut twice: by the database when a text is stored, and here when one is typed. */
describe('words of texts', () => {
  let database: TestDatabase;
  let client: pg.Client;

  /** For each pair: does the text have the words, as the index sees it, and as a walk does? */
  const found = async (pairs: readonly (readonly [text: string, q: string])[]): Promise<(boolean | null)[]> => {
    const searches = pairs.map(([, q]) => readSearch(q, null)?.texts ?? null);
    const { rows } = await client.query<{ by_words: boolean | null; walking: boolean | null }>(
      `select search_words(body) @@ to_tsquery('simple', lower(words)) as by_words,
         body ilike all(array(select jsonb_array_elements_text(patterns))) as walking
       from unnest($1::text[], $2::text[], $3::jsonb[]) with ordinality as u (body, words, patterns, ord) order by ord`,
      [
        pairs.map(([text]) => text),
        searches.map((search) => search?.tsquery ?? null),
        searches.map((search) => (search ? JSON.stringify(search.patterns) : null)),
      ],
    );
    return rows.map(({ by_words: byWords, walking }) => (byWords === null ? null : byWords && walking === true));
  };

  beforeAll(async () => {
    database = await createTestDatabase();
    client = new pg.Client({ connectionString: database.url });
    await client.connect();
  });
  afterAll(async () => {
    await client.end();
    await database.drop();
  });

  it.each([
    ['Namaste! Your ORDER is ready', 'order', true],
    ['Namaste! Your ORDER is ready', 'ready namaste', true],
    ['Namaste! Your ORDER is ready', 'rea', true],
    ['Namaste! Your ORDER is ready', 'eady', false],
    ['Namaste! Your ORDER is ready', 'rea order', false],
    ['see ORD-17/2026', '17', true],
    ['see ORD-17/2026', 'ord 2026', true],
    ['mail asha.rao@example.com now', 'example', true],
    ['https://shop.example/cart?id=55', '55', true],
    ['नमस्ते। आप कैसे हैं', 'नमस्ते', true],
    ['नमस्ते। आप कैसे हैं', 'कैसे', true],
    ['نعم، شكرا!', 'نعم شك', true],
    ['CAFÉ “Zoë”…', 'café zoë', true],
    ['Straße', 'straße', true],
    ['Привет, мир', 'МИР', true],
    ['Hello👍there', 'there', true],
    ['請問香港有店嗎', '香港', true],
    ['請問香港有店嗎', '港香', false],
    ['สวัสดีครับ ราคา', 'ครับ', true],
    ['東京タワー', 'タワー', true],
    ['서울역에서', '울역', true],
  ])('"%s" by "%s": %s', async (body, q, expected) => {
    expect(await found([[body, q]])).toEqual([expected]);
  });

  it('find every text by each of its words, whatever it consists of', async () => {
    const unit = fc.oneof(
      { weight: 3, arbitrary: fc.constantFrom(...'abcAZ019 ') },
      fc.constantFrom(...[...`-_/.,:;!?'"()[]{}<>@#$%^&*+=|~\\\`\n\t`]),
      fc.constantFrom(...[...'éßıÅñøЖяαςש中文字ひらカタ한글ไทย์ااًكमस्ते।॥𝒳👍🏽☕€–—“”…·×÷\u200d\u00a0\u2028']),
      fc
        .integer({ min: 1, max: 0xffff })
        .map((unit) => String.fromCharCode(unit))
        .filter(isKnown),
    );
    const texts = fc.sample(fc.string({ unit, minLength: 1, maxLength: 60 }), { numRuns: 3_000, seed: 11 });
    const pairs = texts.flatMap((body) => {
      const text = body.normalize('NFC');
      return [text, ...text.split(/\s+/)].filter(isWord).map((q) => [text, q] as const);
    });
    const results = await found(pairs);
    const lost = pairs.filter((_, index) => results[index] === false);
    expect(lost).toEqual([]);
    expect(results.filter((result) => result === true).length).toBeGreaterThan(5_000);
  });

  it('never fail, whatever is typed', async () => {
    const typed = fc.sample(fc.string({ unit: 'binary', maxLength: 100 }), { numRuns: 2_000, seed: 12 });
    const clean = typed.map((q) => q.toWellFormed().replaceAll('\u0000', ''));
    expect(await found(clean.map((q) => ['some text', q]))).toHaveLength(clean.length);
  });

  it('cost a long text nothing but its end: the first 10,000 characters are searched', async () => {
    const long = `${'x'.repeat(9_990)} first ${'y '.repeat(30_000)}last`;
    expect(
      await found([
        [long, 'first'],
        [long, 'last'],
        ['w'.repeat(60_000), 'w'],
      ]),
    ).toEqual([true, false, false]);
  });
});

function isKnown(character: string): boolean {
  return /[\p{L}\p{N}\p{M}\p{P}\p{S}\p{Z}]/u.test(character);
}

function isWord(q: string): boolean {
  return /[\p{L}\p{Nd}]/u.test(q);
}
