import { parsePhoneNumberFromString } from 'libphonenumber-js/min';
import { digitsOf } from '../accounts/account-events.js';

/** May a business with this number use signups? Null: its number is not known yet. */
export interface SignupAvailability {
  available: boolean | null;
  reason: string | null;
}

/** By calling code, because that is what a number tells for certain. */
const UNAVAILABLE: Readonly<Record<string, string>> = {
  '27': 'South Africa',
  '44': 'the United Kingdom',
  '55': 'Brazil',
  '81': 'Japan',
  '82': 'South Korea',
  '90': 'Turkey',
  '234': 'Nigeria',
};

/** European Economic Area: the European Union, Iceland, Liechtenstein and Norway. */
const EEA = new Set([
  '30',
  '31',
  '32',
  '33',
  '34',
  '36',
  '39',
  '40',
  '43',
  '45',
  '46',
  '47',
  '48',
  '49',
  '351',
  '352',
  '353',
  '354',
  '356',
  '357',
  '358',
  '359',
  '370',
  '371',
  '372',
  '385',
  '386',
  '420',
  '421',
  '423',
]);

/**
 * What Meta's list of countries says of a number. A hint: Meta goes by the business, and decides.
 * Source: Meta's page on In-App Signups.
 */
export function availabilityOf(displayPhoneNumber: string | null): SignupAvailability {
  const digits = digitsOf(displayPhoneNumber);
  const code = digits === null ? undefined : parsePhoneNumberFromString(`+${digits}`)?.countryCallingCode;
  if (code === undefined) {
    return { available: null, reason: 'The display phone number of the account is not known yet.' };
  }
  const country = EEA.has(code) ? 'the European Economic Area' : UNAVAILABLE[code];
  return country === undefined
    ? { available: true, reason: null }
    : {
        available: false,
        reason: `Meta does not offer signups to businesses or people in ${country}, where the number of this account is from.`,
      };
}
