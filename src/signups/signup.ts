/** What a signup says, as Meta has it; '' for what it does not have. */
export interface SignupContent {
  displayName: string;
  signupMessage: string;
  confirmationMessage: string;
  privacyPolicyUrl: string;
  websiteUrl: string;
  promoCode: string;
}

export type SignupStatus = 'ACTIVE' | 'DISABLED';

/** A label in a request: a number is an id, a string a name, null or '' none. */
export type LabelChoice = number | string | null;

/** What a caller gives to create one. */
export interface SignupInput extends SignupContent {
  label: LabelChoice;
  /** The caller accepts Meta's terms for the business. */
  tosAccepted: boolean;
}

/** What a caller wants to be different. */
export type SignupChanges = Partial<SignupContent & { label: LabelChoice }>;

/** Why an account without a WABA has none. */
export const OF_WABA = 'signups belong to the WABA';

/** What the business accepts on its first creation. Source: Meta's page on In-App Signups. */
export const TERMS_URL = 'https://www.facebook.com/legal/ads-manager-marketing-messages-terms';

export const CONTENT = [
  'displayName',
  'signupMessage',
  'confirmationMessage',
  'privacyPolicyUrl',
  'websiteUrl',
  'promoCode',
] as const satisfies readonly (keyof SignupContent)[];

/** Do both say the same? */
export function saysTheSame(a: SignupContent, b: SignupContent): boolean {
  return CONTENT.every((key) => a[key] === b[key]);
}
