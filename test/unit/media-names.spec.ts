import { parseRange } from '../../src/media/byte-range.js';
import { cleanFilename, contentDisposition } from '../../src/media/filename.js';
import { readSha256 } from '../../src/media/sha256-text.js';
import { checkStorageKey, newStorageKey } from '../../src/media/storage/media-storage.js';

describe('a file name from outside', () => {
  it.each([
    ['menu.pdf', 'menu.pdf'],
    ['../../etc/passwd', 'passwd'],
    ['..\\..\\boot.ini', 'boot.ini'],
    ['/etc/shadow', 'shadow'],
    ['..', null],
    ['.htaccess', 'htaccess'],
    ['a\r\nSet-Cookie: x=1', 'aSet-Cookie: x=1'],
    ['a\u0000b.png', 'ab.png'],
    ['invoice\u202efdp.exe', 'invoicefdp.exe'],
    ['  Grüße "2026" 🎉.pdf ', 'Grüße "2026" 🎉.pdf'],
    ['👩‍💻.png', '👩‍💻.png'],
    ['broken \ud800.png', 'broken \ufffd.png'],
    ['', null],
    [undefined, null],
    ['/', null],
  ])('%j is shown as %j', (given, shown) => expect(cleanFilename(given)).toBe(shown));

  it('keeps its extension when it is cut', () => {
    const name = cleanFilename(`${'🎉'.repeat(500)}.jpeg`) as string;
    expect([...name]).toHaveLength(200);
    expect(name).toMatch(/^🎉+\.jpeg$/u);
  });

  it('is in the header twice: plain for old clients, whole for the others', () => {
    expect(contentDisposition('attachment', `Grüße "2026" 100% 🎉'(*).pdf`, 'document')).toBe(
      `attachment; filename="Gr__e _2026_ 100_ __'(*).pdf"; ` +
        `filename*=UTF-8''Gr%C3%BC%C3%9Fe%20%222026%22%20100%25%20%F0%9F%8E%89%27%28%2A%29.pdf`,
    );
    expect(contentDisposition('inline', null, 'image')).toBe(`inline; filename="image"; filename*=UTF-8''image`);
  });

  it('cannot break out of the header', () => {
    for (const name of ['a"; filename="b', 'a\r\nX-Evil: 1', 'a\u0085b', 'é'.repeat(300), '\ud800']) {
      const header = contentDisposition('attachment', name, 'file');
      expect(header).toMatch(/^attachment; filename="[\x20-\x21\x23-\x5b\x5d-\x7e]*"; filename\*=UTF-8''[\w.!~%-]*$/);
    }
  });
});

describe('a key of the store', () => {
  it('is of the account and cannot be guessed', () => {
    const [a, b] = [newStorageKey(7), newStorageKey(7)];
    expect(a).toMatch(/^7\/([0-9a-f]{2})\/\1[0-9a-f-]{34}$/);
    expect(a).not.toBe(b);
    expect(checkStorageKey(a)).toBe(a);
  });

  it.each(['../x', '7/ab/../../../etc/passwd', '/etc/passwd', '7/ab/x', ''])('is never %j', (key) => {
    expect(() => checkStorageKey(key)).toThrow('Not a key');
  });
});

describe('the Range header', () => {
  it.each([
    [undefined, null],
    ['bytes=0-99', { start: 0, end: 99 }],
    ['bytes=0-', { start: 0, end: 999 }],
    ['bytes=990-5000', { start: 990, end: 999 }],
    ['bytes=-10', { start: 990, end: 999 }],
    ['bytes=-5000', { start: 0, end: 999 }],
    ['bytes=999-999', { start: 999, end: 999 }],
    ['bytes=1000-', 'unsatisfiable'],
    ['bytes=-0', 'unsatisfiable'],
    ['bytes=5-1', null],
    ['bytes=0-1,5-6', null],
    ['bytes=-', null],
    ['items=0-1', null],
    ['bytes=a-b', null],
    ['bytes=99999999999999999999-', null],
  ])('%s means %j of 1,000 bytes', (header, range) => expect(parseRange(header, 1_000)).toEqual(range));
});

describe("Meta's SHA-256", () => {
  const HEX = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
  it.each([
    [HEX, HEX],
    [HEX.toUpperCase(), HEX],
    [Buffer.from(HEX, 'hex').toString('base64'), HEX],
    [Buffer.from(HEX, 'hex').toString('base64url'), HEX],
    [` ${HEX} `, HEX],
    ['abc', null],
    ['', null],
    [null, null],
  ])('%j is %j', (given, hex) => expect(readSha256(given)).toBe(hex));
});
