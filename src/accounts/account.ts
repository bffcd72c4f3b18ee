import type { Secret } from '../common/secret.js';

/** An account with its secrets in reach: what handlers and workers act for. */
export interface Account {
  id: number;
  name: string;
  phoneNumberId: string;
  wabaId: string | null;
  /** Within which Meta's user ids are unique: the business portfolio, else the WABA, else the number. */
  portfolio: string;
  displayPhoneNumber: string | null;
  messagesPerSecond: number;
  /** As Meta names it (TIER_10K); see peopleLimitOf. */
  messagingLimit: string | null;
  isActive: boolean;
  accessToken: Secret;
  /** The account's own; null: `config.webhook.appSecret` is the effective one. */
  appSecret: Secret | null;
  /** Every own app secret there has been, by fingerprint: a stored webhook is judged by the one it was signed with. */
  appSecretFingerprints: readonly string[];
}
