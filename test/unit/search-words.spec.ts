import { readSearch } from '../../src/inbox/search-words.js';

const words = (q: string): string | undefined => readSearch(q, 'IN')?.texts.tsquery;

describe('what is typed into the search', () => {
  it.each([
    ['hello', 'hello:*'],
    ['  hello   World ', 'hello & World:*'],
    ['ORD-123', 'ORD & 123:*'],
    [`it's "so" (nice) & !good:* | <-> \\`, 'it & s & so & nice & good:*'],
    ['नमस्ते। कैसे', 'नमस्ते & कैसे:*'],
    ['مرحبا، كيف؟', 'مرحبا & كيف:*'],
    ['100%_sure', '100 & sure:*'],
    ['👍 ok 🙏', 'ok:*'],
    ['cafe\u0301', 'café:*'],
  ])('%s: all words, the last one as a beginning', (q, expected) => {
    expect(words(q)).toBe(expected);
  });

  it('a single letter is a whole word in texts, and a beginning in names', () => {
    const search = readSearch('price a', 'IN');
    expect(search?.texts.tsquery).toBe('price & a');
    expect(search?.names.tsquery).toBe('price & a:*');
  });

  it('takes scripts without spaces character by character, side by side', () => {
    const search = readSearch('請問香港 shop', 'IN');
    expect(search?.texts).toEqual({
      tsquery: '請 & 問 & 香 & 港 & shop:*',
      patterns: ['%請問香港%', '%shop%'],
      runs: ['%請問香港%'],
    });
    expect(readSearch('abcก', 'IN')?.texts).toEqual({ tsquery: 'abc & ก:*', patterns: ['%abc%', '%ก%'], runs: [] });
  });

  it.each(['', '   ', '%', '_%', '👍', '।', '"—"', '\u0000'])('finds nothing by "%s"', (q) => {
    expect(readSearch(q, 'IN')).toBeNull();
  });

  it('looks for a part of a name only where trigrams can tell', () => {
    expect(readSearch('umar', 'IN')?.part).toBe('%umar%');
    expect(readSearch('100%_sure', 'IN')?.part).toBe('%100\\%\\_sure%');
    expect(readSearch('um', 'IN')?.part).toBeNull();
    expect(readSearch('a b c d', 'IN')?.part).toBeNull();
    expect(readSearch('राम', 'IN')?.part).toBeNull();
    expect(readSearch('Zoë', 'IN')?.part).toBeNull();
  });

  it.each<[string, string | null, string | null]>([
    ['+91 98300-00001', '%919830000001%', '+919830000001'],
    ['9830000001', '%9830000001%', '+919830000001'],
    ['09830000001', '%9830000001%', '+919830000001'],
    ['00919830000001', '%919830000001%', '+919830000001'],
    ['98300', '%98300%', null],
    ['98', null, null],
    ['000', null, null],
    ['98a300', null, null],
  ])('%s: digits %s, phone %s', (q, digits, phone) => {
    expect(readSearch(q, 'IN')).toMatchObject({ digits, phone });
  });

  it.each<[string, string | null]>([
    ['@asha.rao', '%asha.rao%'],
    ['asha_r', '%asha\\_r%'],
    ['a', 'a%'],
    ['asha rao', null],
    ['आशा', null],
  ])('%s: username %s', (q, username) => {
    expect(readSearch(q, 'IN')?.username).toBe(username);
  });
});
