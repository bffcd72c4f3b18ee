/**
 * Brazil and Mexico: the mobile digit that WhatsApp's `wa_id` may have or lack. Source: Meta's phone numbers page, "the
 * platform may rewrite the extra digit".
 */
const EXTRA_DIGIT = [/^(\+55[1-9]\d)9([6-9]\d{7})$/, /^(\+52)1(\d{10})$/];

/** Are these two spellings of one line, so that whoever has the one has the other? Both in E.164 with `+`. */
export function isSameLine(a: string, b: string): boolean {
  return a === b || shortest(a) === shortest(b);
}

function shortest(phone: string): string {
  for (const pattern of EXTRA_DIGIT) {
    const match = pattern.exec(phone);
    if (match) {
      return `${match[1]}${match[2]}`;
    }
  }
  return phone;
}
