export type ConsentIntent = 'opt_out' | 'opt_in';

/** Words of the installation's own, in place of ours; null: ours. */
export interface OwnKeywords {
  optOut: readonly string[] | null;
  optIn: readonly string[] | null;
}

/**
 * What people write to be left in peace. English is the list of carriers and of the FCC's rule of 2025 (stop, quit, end,
 * revoke, opt out, cancel, unsubscribe), though some of it may mean something else: to leave somebody in peace who meant
 * something else is the smaller harm. Of other languages only words that leave no doubt.
 */
const OPT_OUT: readonly string[] = [
  ...['stop', 'stopall', 'stop all', 'unsubscribe', 'unsub', 'cancel', 'end', 'quit', 'revoke', 'optout', 'opt out'],
  ...['stop promotions', 'stop promotion', 'stop messages', 'stop marketing', 'stop sending', 'remove me'],
  ...['no more messages', 'do not message me', "don't message me"],
  // Spanish, Portuguese
  ...['baja', 'darme de baja', 'dar de baja', 'dame de baja', 'cancelar suscripción', 'anular suscripción'],
  ...['desuscribir', 'desuscribirme', 'parar', 'detener', 'no más mensajes'],
  ...['sair', 'pare', 'descadastrar', 'me descadastrar', 'cancelar inscrição', 'cancelar assinatura'],
  // French, Italian
  ...['arrêt', 'arrêter', 'arrêtez', 'désabonner', 'me désabonner', 'se désabonner', 'désabonnement'],
  ...['désinscrire', 'me désinscrire', 'se désinscrire', 'désinscription'],
  ...['disiscrivi', 'disiscrivimi', 'disiscrizione', 'cancellami', 'cancella iscrizione', 'annulla iscrizione'],
  // German, Dutch, Polish, Romanian
  ...['stopp', 'abmelden', 'abbestellen', 'austragen', 'keine Werbung', 'keine Werbung mehr'],
  ...['afmelden', 'uitschrijven', 'stoppen', 'wypisz', 'wypisz mnie', 'dezabonare', 'mă dezabonez'],
  // Hindi, and as it is written in Latin letters
  ...['रोकें', 'रोको', 'रोक दो', 'बंद करें', 'बंद करो', 'बंद कीजिए', 'बन्द करें', 'बन्द करो', 'स्टॉप', 'अनसब्सक्राइब'],
  ...['सदस्यता समाप्त करें', 'सदस्यता रद्द करें', 'मैसेज बंद करो', 'मैसेज मत भेजो'],
  ...['band karo', 'band karein', 'band kare', 'band kijiye', 'roko', 'message band karo', 'message mat bhejo'],
  // Marathi, Bengali, Gujarati, Punjabi, Tamil, Telugu, Kannada, Malayalam, Urdu
  ...['थांबवा', 'বন্ধ করুন', 'বন্ধ করো', 'স্টপ', 'બંધ કરો', 'ਬੰਦ ਕਰੋ', 'நிறுத்து', 'நிறுத்தவும்', 'நிறுத்துங்கள்'],
  ...['ఆపండి', 'ఆపు', 'ನಿಲ್ಲಿಸಿ', 'നിർത്തുക', 'بند کرو', 'بند کریں', 'روکو'],
  // Arabic, Persian, Hebrew, Turkish
  ...['توقف', 'إيقاف', 'أوقف', 'قف', 'إلغاء الاشتراك', 'الغي الاشتراك', 'لغو اشتراک', 'הסר', 'הסרה', 'הסירו אותי'],
  ...['ret', 'abonelikten çık', 'aboneliği iptal et', 'listeden çık'],
  // Indonesian and Malay, Vietnamese, Thai
  ...['berhenti', 'berhenti berlangganan', 'batal langganan', 'henti', 'hủy đăng ký', 'ยกเลิกการสมัคร', 'หยุด'],
  // Russian, Ukrainian
  ...['стоп', 'отписаться', 'отписка', 'отпишите', 'отпишите меня', 'відписатися', 'відписка'],
  // Chinese, Japanese, Korean
  ...['退订', '退訂', '取消订阅', '取消訂閱', '停止', '配信停止', '수신거부', '구독취소', '중지'],
];

/**
 * What people write to be told things again. Only words that are hardly written for another reason: "yes", "ok" and "resume"
 * answer other questions, and nobody is to get marketing by a misunderstanding.
 */
const OPT_IN: readonly string[] = [
  ...['start', 'unstop', 'subscribe', 'resubscribe', 'optin', 'opt in', 'start promotions'],
  ...['darme de alta', 'suscribir', 'suscribirme', 'suscribirse', 'me inscrever', 'me inscreva'],
  ...["m'abonner", "s'abonner", 'réabonner', 'me réabonner', 'iscrivimi', 'abonnieren', 'abonneren'],
  ...['शुरू करें', 'शुरू करो', 'शुरू कीजिए', 'स्टार्ट', 'सब्सक्राइब', 'सदस्यता लें', 'shuru karo', 'shuru karein'],
  ...['اشترك', 'ابدأ', 'abone ol', 'mulai', 'mulai berlangganan', 'berlangganan', 'старт', 'подписаться'],
  ...['підписатися', '订阅', '訂閱', '配信再開', '수신동의'],
];

/** Longer is no keyword. */
const MAX_LENGTH = 100;
/** Letters that are no letter with an accent, and yet are written without it. */
const PLAIN: Record<string, string> = { ı: 'i', ł: 'l', ø: 'o', đ: 'd', ß: 'ss', ى: 'ي' };

/** Reads messages by these keywords; a word in both lists opts out. */
export function keywordReader(own: OwnKeywords): (text: string) => ConsentIntent | null {
  const intents = new Map<string, ConsentIntent>([
    ...(own.optIn ?? OPT_IN).map((word): [string, ConsentIntent] => [plain(word), 'opt_in']),
    ...(own.optOut ?? OPT_OUT).map((word): [string, ConsentIntent] => [plain(word), 'opt_out']),
  ]);
  intents.delete('');
  return (text) => (text.length > MAX_LENGTH ? null : (intents.get(plain(text)) ?? null));
}

/**
 * A text without case, accents, punctuation and emoji: words with one space between. Marks stay in scripts where they are
 * vowels: in Hindi "stop it" and "wait" differ by nothing else.
 */
function plain(text: string): string {
  return text
    .toLowerCase()
    .normalize('NFKD')
    .replace(/[\u0300-\u036f\u0640\u064b-\u065f\u0670\ufe0e\ufe0f\p{Cf}'\u2018\u2019]/gu, '')
    .replace(/[ıłøđßى]/gu, (letter) => PLAIN[letter] ?? letter)
    .replace(/[^\p{L}\p{N}\p{M}]+/gu, ' ')
    .trim();
}
