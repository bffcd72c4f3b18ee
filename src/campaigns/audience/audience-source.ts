/** A person as an audience gives it: a phone number in any spelling, or Meta's user id. */
export interface AudiencePerson {
  phone?: string | number | null;
  user_id?: string | null;
  name?: string | null;
  email?: string | null;
  /** Columns for the template's variables. */
  params?: Record<string, unknown> | null;
}

/** For whom people are asked. */
export interface AudienceContext {
  account: { id: number; name: string; phone_number_id: string };
  campaign: { id: number; name: string; audience_type: string; audience_filters: Record<string, unknown> };
}

export type People = AsyncIterable<AudiencePerson> | Iterable<AudiencePerson>;

/** An audience that is code of whoever runs Parley. */
export interface AudienceInCode {
  description?: string;
  people(filters: Record<string, unknown>, context: AudienceContext): People | Promise<People>;
}

/** An audience that is asked for over HTTPS, page by page, with Standard Webhooks signatures. */
export interface AudienceEndpoint {
  description?: string;
  url: string;
  secret: string;
}

export type AudienceDefinition = AudienceInCode | AudienceEndpoint;

/** Asked first for every campaign; nothing (null or undefined): the campaign is none of its business. */
export type CampaignResolver = (
  context: AudienceContext,
) => People | null | undefined | Promise<People | null | undefined>;

/** How far an audience was read. */
export interface Position {
  /** People before it. */
  index: number;
  /** Of an endpoint: its own. */
  cursor: string | null;
}

export const START: Position = { index: 0, cursor: null };

/** People of an audience, in a row. */
export interface PeopleBatch {
  people: unknown[];
  /** Of the first of them. */
  index: number;
  /** Where it goes on; null: these were the last. */
  next: Position | null;
}

/** An audience that cannot be read. What its owner is told; the cause is for the log, it may hold a password. */
export class AudienceFailure extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'AudienceFailure';
  }
}
