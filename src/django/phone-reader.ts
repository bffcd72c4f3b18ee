import { parsePhoneNumber, phoneFromWaId, type PhoneNumber } from '../common/phone-number.js';

const CACHED = 100_000;

/**
 * Reads the phones of a Django database, where one number has three spellings: `+91…` typed by people, `91…` from Meta, and
 * ten bare digits. Ten digits are of the home country, but for those that Meta itself wrote (Singapore, Denmark): these have
 * their country code already.
 */
export class PhoneReader {
  private readonly cache = new Map<string, PhoneNumber | null>();

  constructor(
    private readonly defaultCountry: string | null,
    private readonly waIds: ReadonlySet<string>,
  ) {}

  read(given: unknown): PhoneNumber | null {
    if (typeof given !== 'string') {
      return null;
    }
    const text = given.trim();
    const known = this.cache.get(text);
    if (known !== undefined) {
      return known;
    }
    const phone = this.waIds.has(text) ? this.readWaId(text) : parsePhoneNumber(text, this.defaultCountry);
    if (this.cache.size >= CACHED) {
      this.cache.clear();
    }
    this.cache.set(text, phone);
    return phone;
  }

  /** Of a message that came in: the digits are Meta's. */
  readWaId(given: unknown): PhoneNumber | null {
    return typeof given === 'string' ? phoneFromWaId(given.trim().replace(/^\+/, '')) : null;
  }
}
