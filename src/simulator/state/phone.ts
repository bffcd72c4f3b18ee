/** How many digits a full international number has at least, for countries whose wa_ids are likely to be sent without `+`. */
const FULL_LENGTHS: Record<string, number> = { '1': 11, '44': 12, '52': 12, '55': 12, '91': 12 };
const USUAL_FULL_LENGTH = 11;

/**
 * The digits WhatsApp takes `to` for, or undefined when it is no phone number.
 * Meta: `+`, `-`, `()`, spaces are accepted; without `+` the business number's country code is put in front.
 * A wa_id the number has already met, and one that starts with the own country code and has full length, is left alone.
 */
export function dialled(to: string, countryCode: string, isKnown: (waId: string) => boolean): string | undefined {
  const digits = to.replace(/[\s().-]/g, '');
  if (!/^\+?\d+$/.test(digits)) {
    return undefined;
  }
  if (digits.startsWith('+')) {
    return plausible(digits.slice(1));
  }
  const isFull = digits.startsWith(countryCode) && digits.length >= (FULL_LENGTHS[countryCode] ?? USUAL_FULL_LENGTH);
  return plausible(isFull || isKnown(digits) ? digits : countryCode + digits);
}

/**
 * The wa_id of a number. Meta: for Brazil and Mexico the platform may rewrite the extra digit, so wa_id and input differ:
 * Brazilian mobiles outside the area codes 11–28 lose their leading 9, Mexican numbers get a 1 after the country code.
 */
export function waIdOf(digits: string): string {
  const brazilian = /^55([3-9]\d)9(\d{8})$/.exec(digits);
  if (brazilian !== null) {
    return `55${brazilian[1]}${brazilian[2]}`;
  }
  return /^52[2-9]\d{9}$/.test(digits) ? `521${digits.slice(2)}` : digits;
}

/** As `GET /{PHONE}` prints it, e.g. `+91 90000 12345`. */
export function formatted(digits: string, countryCode: string): string {
  const rest = digits.slice(countryCode.length);
  const half = Math.ceil(rest.length / 2);
  return `+${countryCode} ${rest.slice(0, half)} ${rest.slice(half)}`;
}

function plausible(digits: string): string | undefined {
  return digits.length >= 7 && digits.length <= 15 && !digits.startsWith('0') ? digits : undefined;
}
