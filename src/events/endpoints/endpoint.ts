import type { EventType } from '../../outbox/outbox.js';

export type DisabledReason = 'requested' | 'gone' | 'failing';

export const DELIVERY_STATUSES = ['pending', 'delivered', 'failed', 'exhausted', 'cancelled'] as const;
export type DeliveryStatus = (typeof DELIVERY_STATUSES)[number];

/** What of a delivery is not over, but can be tried again by hand. */
export const RETRIABLE_STATUSES = ['failed', 'exhausted', 'cancelled'] as const;

/** An endpoint as its table has it, without secrets. */
export interface EndpointRow {
  id: number;
  /** Null: of all accounts, and of none. */
  accountId: number | null;
  url: string;
  description: string;
  /** As asked for; empty: all that are allowed. */
  types: EventType[];
  /** Null: everything, later types too. */
  allowedTypes: EventType[] | null;
  apiVersion: number;
  previousSecretUntil: Date | null;
  isActive: boolean;
  disabledAt: Date | null;
  disabledReason: DisabledReason | null;
  createdBy: string;
  failingSince: Date | null;
  lastSuccessAt: Date | null;
  createdAt: Date;
  updatedAt: Date;
}

/** Which endpoints somebody sees: those of these accounts; null: all, and those of the installation. */
export type EndpointView = readonly number[] | null;

/** Secrets as they are stored. */
export interface SealedSecrets {
  secret: string;
  previousSecret: string | null;
  previousSecretUntil: Date | null;
}

/** Why there is no answer; one word for all that can go wrong, so that nobody learns what is where in our network. */
export type CallError = 'no_answer';

/** One attempt, as it is kept. */
export interface AttemptRecord {
  at: string;
  request_headers: Record<string, string>;
  status: number | null;
  error: string | null;
  /** Null without an answer. */
  ms: number | null;
  body: string;
}
