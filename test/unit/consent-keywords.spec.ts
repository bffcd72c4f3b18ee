import fc from 'fast-check';
import { keywordReader } from '../../src/contacts/consent-keywords.js';

const intentOf = keywordReader({ optOut: null, optIn: null });

describe('a message that is nothing but a keyword', () => {
  it.each([
    ...[
      'STOP',
      'stop',
      ' Stop. ',
      'STOP!!!',
      '🛑 Stop 🛑',
      '"stop"',
      'ＳＴＯＰ',
      'stop\n',
      '*STOP*',
      'StopAll',
      'stop all',
    ],
    ...[
      'Unsubscribe',
      'cancel',
      'End',
      'quit',
      'revoke',
      'Opt-out',
      'opt out',
      'optout',
      'Stop promotions',
      'Remove me.',
    ],
    ...["Don't message me", 'don’t message me'],
    // Spanish, Portuguese, French, Italian, German, Dutch
    ...['Baja', 'dar de BAJA', '¡Darme de baja!', 'Cancelar suscripción', 'CANCELAR SUSCRIPCION', 'no mas mensajes'],
    ...['Sair', 'cancelar inscrição', 'Arrêt', 'ARRET', 'Se désabonner', 'désinscription', 'Disiscrivimi'],
    ...['STOPP', 'Abmelden', 'keine werbung!', 'afmelden'],
    // Hindi in both scripts, and its neighbours
    ...[
      'रोकें',
      'बंद करो',
      'बंद करें।',
      'स्टॉप',
      'band karo',
      'BAND KARO 🙏',
      'roko',
      'বন্ধ করুন',
      'நிறுத்து',
      'ఆపండి',
      'بند کریں',
    ],
    // Arabic with and without its marks, Persian, Hebrew, Turkish
    ...['توقف', 'إيقاف', 'ايقاف', 'إلغاء الاشتراك', 'الغاء الاشتراك', 'أَوْقِف', 'لغو اشتراک', 'הסר', 'RET'],
    ...['Abonelikten çık', 'ABONELİKTEN ÇIK'],
    // Indonesian, Vietnamese, Thai, Russian, Ukrainian, Chinese, Japanese, Korean
    ...[
      'Berhenti',
      'hủy đăng ký',
      'huy dang ky',
      'หยุด',
      'Стоп',
      'СТОП!',
      'отписаться',
      'відписатися',
      '退订',
      '停止。',
      '수신거부',
    ],
  ])('%j opts out', (text) => {
    expect(intentOf(text)).toBe('opt_out');
  });

  it.each([
    ...[
      'START',
      'Start!',
      'unstop',
      'Subscribe',
      'opt-in',
      'OPT IN',
      'darme de alta',
      "S'abonner",
      's’abonner',
      'abone ol',
    ],
    ...['शुरू करें', 'shuru karo', 'ابدأ', 'ابدا', 'mulai', 'Старт', '订阅', '수신동의'],
  ])('%j opts in', (text) => {
    expect(intentOf(text)).toBe('opt_in');
  });
});

describe('a message that is more, or something else', () => {
  it.each([
    ...['', '   ', '🛑', '...', 'please stop by at noon', "don't stop", 'stop it', 'non-stop', 'stopover', 'the end'],
    ...['cancel my order', 'start at nine?', 'when do we start', 'restart'],
    // Answers to other questions opt nobody in.
    ...['yes', 'YES', 'ok', 'sí', 'oui', 'haan', 'हाँ', 'да', 'resume', 'continue', 'alta', 'onay'],
    // Hindi for "wait", one vowel from "stop".
    ...['रुको', 'बंद', 'alto', 'basta', 'dur', 'iptal', 'إلغاء'],
    `${'stop '.repeat(30)}`,
  ])('%j changes nothing', (text) => {
    expect(intentOf(text)).toBeNull();
  });

  it('never makes trouble, whatever it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        expect([null, 'opt_in', 'opt_out']).toContain(intentOf(text));
      }),
    );
  });
});

describe('keywords of the installation', () => {
  it('take the place of the built-in ones', () => {
    const own = keywordReader({ optOut: ['Raus', 'gar nichts mehr'], optIn: null });
    expect([own('raus!'), own('Gar  nichts mehr'), own('stop'), own('start')]).toEqual([
      'opt_out',
      'opt_out',
      null,
      'opt_in',
    ]);
  });

  it('opt out when a word is in both lists, and do nothing when there are none', () => {
    expect(keywordReader({ optOut: ['hey'], optIn: ['Hey', 'you'] })('hey')).toBe('opt_out');
    const none = keywordReader({ optOut: [], optIn: ['  ', '!'] });
    expect([none('stop'), none('start'), none(''), none('!')]).toEqual([null, null, null, null]);
  });
});
