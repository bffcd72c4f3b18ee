const THOUSAND = 1_000;

/**
 * People a portfolio may write to outside their service window within 24 hours, as Meta names it: TIER_250, TIER_2K, …
 * TIER_UNLIMITED, or a bare number. Source: Meta's messaging limits page.
 * @returns null when there is no limit, or none is known
 */
export function peopleLimitOf(messagingLimit: string | null): number | null {
  const [, digits, kilo] = /^(?:TIER_)?(\d{1,9})(K?)$/i.exec(messagingLimit ?? '') ?? [];
  return digits === undefined ? null : Number(digits) * (kilo ? THOUSAND : 1);
}
