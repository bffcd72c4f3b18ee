import {
  HEAD_BYTES,
  isAnimatedWebp,
  isShownInline,
  normalizeMimeType,
  readMimeType,
  uploadRuleOf,
} from '../../src/media/media-kinds.js';
import { SAMPLES } from '../e2e/media-graph.js';

const NOTHING = { mimeType: null, filename: null };
const read = (bytes: Buffer, declared = {}): Promise<string> =>
  readMimeType(bytes.subarray(0, HEAD_BYTES), bytes.length <= HEAD_BYTES, { ...NOTHING, ...declared });

describe('the type of a file', () => {
  it.each([
    ['png', 'image/png'],
    ['jpeg', 'image/jpeg'],
    ['mp4', 'video/mp4'],
    ['threegp', 'video/3gpp'],
    ['m4a', 'audio/mp4'],
    ['mp3', 'audio/mpeg'],
    ['amr', 'audio/amr'],
    ['opus', 'audio/ogg; codecs=opus'],
    ['vorbis', 'audio/ogg'],
    ['webp', 'image/webp'],
    ['animatedWebp', 'image/webp'],
    ['pdf', 'application/pdf'],
    ['text', 'text/plain'],
    ['zip', 'application/zip'],
    ['cfb', 'application/x-cfb'],
  ] as const)('is read from its bytes: %s is %s', async (sample, type) => {
    expect(await read(SAMPLES[sample])).toBe(type);
  });

  it.each(['svg', 'xmlSvg', 'html'] as const)('is unknown where a browser could run it: %s', async (sample) => {
    for (const mimeType of ['image/svg+xml', 'image/png', 'text/html', 'text/csv', 'text/plain']) {
      expect(await read(SAMPLES[sample], { mimeType, filename: `a.${sample}` })).toBe('application/octet-stream');
    }
  });

  it.each([
    ['white space before markup', Buffer.from('\ufeff \n\t<html>')],
    ['control characters', Buffer.from('a\u0000b')],
    ['another encoding', Buffer.from('fffe41004200', 'hex')],
    ['noise', Buffer.from('c3280badc0ffee00', 'hex')],
  ])('is unknown, not text, for %s', async (_what, bytes) => {
    expect(await read(bytes, { mimeType: 'text/plain' })).toBe('application/octet-stream');
  });

  it('does not follow a name or a header that lies', async () => {
    expect(await read(SAMPLES.png, { mimeType: 'video/mp4', filename: 'a.docx' })).toBe('image/png');
    expect(await read(SAMPLES.zip, { mimeType: 'image/png', filename: 'a.png' })).toBe('application/zip');
    expect(await read(SAMPLES.text, { mimeType: 'image/png' })).toBe('text/plain');
  });

  it('follows them where the bytes leave it open', async () => {
    const word = 'application/vnd.openxmlformats-officedocument.wordprocessingml.document';
    expect(await read(SAMPLES.zip, { filename: 'Angebot.DOCX' })).toBe(word);
    expect(await read(SAMPLES.zip, { mimeType: word })).toBe(word);
    expect(await read(SAMPLES.cfb, { filename: 'old.xls' })).toBe('application/vnd.ms-excel');
    expect(await read(SAMPLES.mp4, { filename: 'voice.m4a' })).toBe('audio/mp4');
    expect(await read(SAMPLES.mp4, { mimeType: 'audio/x-m4a' })).toBe('audio/mp4');
    expect(await read(SAMPLES.csv, { mimeType: 'text/csv' })).toBe('text/csv');
  });

  it('reads long text whose head ends within a character', async () => {
    const text = Buffer.from(`a${'ü'.repeat(HEAD_BYTES)}`);
    expect(await read(text)).toBe('text/plain');
  });

  it('has one spelling', () => {
    expect(
      [
        'Audio/X-M4A',
        'audio/m4a',
        'image/JPG',
        'audio/ogg; codecs="opus"',
        'audio/ogg;codecs=opus',
        'text/plain; charset=x',
      ].map(normalizeMimeType),
    ).toEqual([
      'audio/mp4',
      'audio/mp4',
      'image/jpeg',
      'audio/ogg; codecs=opus',
      'audio/ogg; codecs=opus',
      'text/plain',
    ]);
  });
});

describe('what Meta takes', () => {
  const rule = (type: string, head: Buffer = Buffer.alloc(0)): unknown[] => {
    const found = uploadRuleOf(type, head);
    return [found?.mediaType, found?.maxBytes];
  };

  it('has a limit per kind of file', () => {
    const MB = 1024 * 1024;
    expect(rule('image/png')).toEqual(['image', 5 * MB]);
    expect(rule('video/3gpp')).toEqual(['video', 16 * MB]);
    expect(rule('audio/mp4')).toEqual(['audio', 16 * MB]);
    expect(rule('application/msword')).toEqual(['document', 100 * MB]);
    expect(rule('image/webp', SAMPLES.webp)).toEqual(['sticker', 100 * 1024]);
    expect(rule('image/webp', SAMPLES.animatedWebp)).toEqual(['sticker', 500 * 1024]);
    expect(isAnimatedWebp(SAMPLES.png)).toBe(false);
  });

  it.each(['image/gif', 'audio/ogg', 'application/zip', 'application/octet-stream', 'text/csv', 'constructor', ''])(
    'does not include %s',
    (type) => expect(rule(type)).toEqual([undefined, undefined]),
  );
});

describe('what a browser may show', () => {
  it('is what it cannot run', () => {
    expect(['image/png', 'video/mp4', 'audio/ogg; codecs=opus'].map(isShownInline)).toEqual([true, true, true]);
    for (const type of ['application/pdf', 'image/svg+xml', 'text/html', 'text/plain', 'application/octet-stream']) {
      expect(isShownInline(type)).toBe(false);
    }
  });
});
