import { getCountries, getCountryCallingCode, parsePhoneNumberFromString } from 'libphonenumber-js/min';

const MAX_CALLING_CODE = 3;
/** In North America the area code says which country it is. */
const AREA_CODE = /^\+1\d{3}/;
const USER_ID = /^([A-Z]{2})\./;

/** The countries of each calling code: most have one, and then no more of the number needs to be looked at. */
const COUNTRIES = new Map<string, string[]>();
for (const country of getCountries()) {
  const code = getCountryCallingCode(country);
  COUNTRIES.set(code, [...(COUNTRIES.get(code) ?? []), country]);
}
/** Calling codes of one country each. */
export const UNSHARED_CALLING_CODES: readonly string[] = [...COUNTRIES]
  .filter(([, countries]) => countries.length === 1)
  .map(([code]) => code);

const byAreaCode = new Map<string, string | null>();

/** The ISO 3166 country of a phone number in E.164, as Meta prices by it; null when there is none. */
export function countryOfPhone(phone: string): string | null {
  const countries = countriesOf(phone);
  if (countries.length === 1) {
    return countries[0] ?? null;
  }
  if (countries.length === 0) {
    return null;
  }
  const areaCode = AREA_CODE.exec(phone)?.[0];
  const known = areaCode === undefined ? undefined : byAreaCode.get(areaCode);
  if (known !== undefined) {
    return known;
  }
  const country = parsePhoneNumberFromString(phone)?.country ?? null;
  if (areaCode !== undefined) {
    byAreaCode.set(areaCode, country);
  }
  return country;
}

/** Of a person: Meta's user ids begin with their country. */
export function countryOfPerson({ phone, userId }: { phone: string | null; userId: string | null }): string | null {
  return phone === null ? (USER_ID.exec(userId ?? '')?.[1] ?? null) : countryOfPhone(phone);
}

function countriesOf(phone: string): readonly string[] {
  for (let length = 1; length <= MAX_CALLING_CODE; length += 1) {
    const countries = COUNTRIES.get(phone.slice(1, 1 + length));
    if (countries) {
      return countries;
    }
  }
  return [];
}
