import { getCountries } from 'libphonenumber-js/min';
import { invalidFields, type FieldError } from '../../common/app-error.js';
import { MICROS, REST_OF_WORLD, type Rate } from './rate-table.js';
import type { RateDto } from './rate-table.dto.js';

/** ISO 3166 codes of the countries that have phone numbers. */
export const COUNTRY_CODES: ReadonlySet<string> = new Set(getCountries());

/** @throws `400 validation_failed` naming countries that are none, and prices that are given twice */
export function readRates(given: readonly RateDto[]): Rate[] {
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  const rates = given.map(({ country: spelled, category, price }, index) => {
    const country = spelled.toUpperCase();
    const error = (field: string, code: string, message: string): void => {
      errors.push({ field: `rates.${index}${field}`, code, message: `rates.${index}${field} ${message}` });
    };
    if (country !== REST_OF_WORLD && !COUNTRY_CODES.has(country)) {
      error('.country', 'unknown_country', `is no country: "${spelled}"`);
    }
    if (seen.has(`${country} ${category}`)) {
      error('', 'duplicate', `gives a second price for ${category} in ${country}`);
    }
    seen.add(`${country} ${category}`);
    return { country, category, priceMicros: Math.round(price * MICROS) };
  });
  if (errors.length > 0) {
    throw invalidFields(errors);
  }
  return rates;
}
