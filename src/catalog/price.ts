/** What a formatted price says for certain. */
export interface ReadPrice {
  /** A decimal with a point, such as `1299.00`; null: it could be read in two ways, or in none. */
  amount: string | null;
  /** ISO 4217. */
  currency: string | null;
}

const NOTHING: ReadPrice = { amount: null, currency: null };
/** Of the digits of each script, the zero; they follow one another. */
const ZEROS = [
  0x0660, 0x06f0, 0x07c0, 0x0966, 0x09e6, 0x0a66, 0x0ae6, 0x0b66, 0x0be6, 0x0c66, 0x0ce6, 0x0d66, 0x0e50, 0x0ed0,
  0x0f20, 0x1040, 0x17e0, 0x1810, 0xff10,
];
const CURRENCIES = new Set(Intl.supportedValuesOf('currency'));
/** Symbols that one currency alone has; `$`, `£`, `¥` and `kr` several have. */
const SYMBOLS: Readonly<Record<string, string>> = {
  '€': 'EUR',
  '₹': 'INR',
  '₽': 'RUB',
  '₺': 'TRY',
  '₩': 'KRW',
  '₦': 'NGN',
  '₫': 'VND',
  '₪': 'ILS',
  '₱': 'PHP',
  '฿': 'THB',
  '₴': 'UAH',
  '₸': 'KZT',
  '₡': 'CRC',
  '₲': 'PYG',
  '₵': 'GHS',
  '₭': 'LAK',
  '৳': 'BDT',
};
const ARABIC_DECIMAL = '\u066b';
/** A number with whatever separates its digits. */
const NUMBER = /\d(?:[\d.,'’ \u066b\u066c]*\d)?/g;
/** Never between a number and its fraction. */
const GROUPS_ONLY = /['’ \u066c]/;
const WESTERN = /^\d{1,3}(?:S\d{3})+$/;
const INDIAN = /^\d{1,2}(?:S\d{2})+S\d{3}$/;
/** More than that a JSON number does not keep exactly with four decimals, and nothing costs. */
const MAX_DIGITS = 11;

/**
 * Reads a price as Meta formats it, which differs by locale and currency: `$1,299.00`, `1.299,00 €`, `₹1,29,999.00`,
 * `¥1,000`, Arabic digits. What could mean two amounts (`1,234` of a currency with three decimals, or of an unknown one)
 * is no amount: a wrong price is worse than none.
 * @param given the currency as Meta names it beside the price
 */
export function readPrice(price: string, given: string | null): ReadPrice {
  const text = plain(price);
  const named = currencyIn(text);
  const stated = given !== null && CURRENCIES.has(given) ? given : null;
  if (stated !== null && named !== null && stated !== named) {
    return NOTHING;
  }
  const currency = stated ?? named;
  const numbers = text.match(NUMBER) ?? [];
  const [number] = numbers;
  if (number === undefined || numbers.length > 1 || /[-−–(%]/.test(text)) {
    return { amount: null, currency };
  }
  return { amount: amountOf(number, currency === null ? null : decimalsOf(currency)), currency };
}

/** Digits of every script as ASCII, every space as one. */
function plain(price: string): string {
  return [...price]
    .map((character) => {
      const code = character.codePointAt(0) as number;
      const zero = ZEROS.find((first) => code >= first && code <= first + 9);
      return zero === undefined ? character : String(code - zero);
    })
    .join('')
    .replace(/[\u061c\u200e\u200f]/g, '')
    .replace(/\s+/gu, ' ')
    .trim();
}

/** The one currency that the text names, by its code or a symbol that is no other's. */
function currencyIn(text: string): string | null {
  const codes = (text.match(/(?<![A-Za-z])[A-Z]{3}(?![A-Za-z])/g) ?? []).filter((code) => CURRENCIES.has(code));
  const symbols = Object.entries(SYMBOLS).flatMap(([symbol, code]) => (text.includes(symbol) ? [code] : []));
  const named = new Set([...codes, ...symbols]);
  return named.size === 1 ? ([...named][0] as string) : null;
}

function decimalsOf(currency: string): number {
  return new Intl.NumberFormat('en', { style: 'currency', currency }).resolvedOptions().maximumFractionDigits ?? 2;
}

function amountOf(number: string, decimals: number | null): string | null {
  const separators = [...new Set(number.match(/\D/g) ?? [])];
  const last = separators.at(-1);
  if (last === undefined) {
    return written(number, '', decimals);
  }
  const at = number.lastIndexOf(last);
  const head = number.slice(0, at);
  const tail = number.slice(at + 1);
  const isOnce = !head.includes(last);
  if (last === ARABIC_DECIMAL) {
    return isOnce ? written(ungrouped(head), tail, decimals) : null;
  }
  if (GROUPS_ONLY.test(last) || !isOnce) {
    return written(ungrouped(number), '', decimals);
  }
  if (separators.length > 1 || tail.length !== 3) {
    // What came before was for groups, or three digits cannot follow: a fraction.
    return tail.length === 3 && decimals !== 3 ? null : written(ungrouped(head), tail, decimals);
  }
  // One separator before three digits: a thousand, where the currency has no three decimals.
  return decimals === null || decimals === 3 ? null : written(ungrouped(number), '', decimals);
}

/** The digits without what groups them; null where they are not grouped as any locale does. */
function ungrouped(number: string): string | null {
  const [separator, ...others] = [...new Set(number.match(/\D/g) ?? [])];
  if (separator === undefined) {
    return number;
  }
  const shape = number.replaceAll(separator, 'S');
  const isGrouped = others.length === 0 && number[0] !== '0' && (WESTERN.test(shape) || INDIAN.test(shape));
  return isGrouped && separator !== ARABIC_DECIMAL ? number.replaceAll(separator, '') : null;
}

/** A currency without cents may be written with zeros for them; with other digits something else was meant. */
function written(whole: string | null, fraction: string, decimals: number | null): string | null {
  if (whole === null || whole.length > MAX_DIGITS || fraction.length > 3 || /[^\d]/.test(fraction)) {
    return null;
  }
  if (decimals !== null && fraction.length > decimals) {
    return /^0*$/.test(fraction.slice(decimals)) ? written(whole, fraction.slice(0, decimals), decimals) : null;
  }
  const digits = whole.replace(/^0+(?=\d)/, '');
  return fraction === '' ? digits : `${digits}.${fraction}`;
}
