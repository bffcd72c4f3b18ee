import { invalidField } from '../../common/app-error.js';

const MAX_LINK = 2_000;

/** An address that Meta, not we, will fetch. */
export function requireHttpsLink(link: unknown, field: string): string {
  const isLink = typeof link === 'string' && link.length <= MAX_LINK && /^https:\/\//i.test(link) && URL.canParse(link);
  if (!isLink) {
    throw invalidField(field, 'not_https', `${field} must be an https address`);
  }
  return link;
}
