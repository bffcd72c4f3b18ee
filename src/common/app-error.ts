/** One wrong input: where, which rule, and what to do, in words for the person who sent it. */
export interface FieldError {
  field: string;
  code: string;
  message: string;
}

/**
 * Every error a caller can meet, by its stable code. Codes are part of the API: never renamed, only added.
 */
const ERRORS = {
  validation_failed: { status: 400, title: 'The request is not valid' },
  bad_cursor: { status: 400, title: 'The cursor is not one of ours' },
  malformed_json: { status: 400, title: 'The body is not JSON' },
  bad_request: { status: 400, title: 'The request is not valid' },
  invalid_phone_number: { status: 400, title: 'Not a phone number' },
  unauthorized: { status: 401, title: 'Unauthorized' },
  bad_signature: { status: 401, title: 'The signature does not match' },
  forbidden: { status: 403, title: 'Not allowed' },
  insufficient_scope: { status: 403, title: 'The API key lacks a scope' },
  verify_token_mismatch: { status: 403, title: 'The verify token does not match' },
  not_found: { status: 404, title: 'Not found' },
  account_not_found: { status: 404, title: 'No such account' },
  method_not_allowed: { status: 405, title: 'Method not allowed' },
  conflict: { status: 409, title: 'Conflict' },
  account_exists: { status: 409, title: 'An account with this phone_number_id exists' },
  account_inactive: { status: 409, title: 'The account is inactive' },
  account_managed_by_environment: { status: 409, title: 'The account is managed by the environment' },
  account_has_running_campaigns: { status: 409, title: 'The account has running campaigns' },
  account_credentials_missing: { status: 409, title: 'The account has no usable credentials' },
  last_admin_key: { status: 409, title: 'The last active key with all scopes stays' },
  contact_exists: { status: 409, title: 'The contact exists' },
  contact_in_use: { status: 409, title: 'The contact has conversations' },
  flow_not_found: { status: 404, title: 'No such flow' },
  flow_exists: { status: 409, title: 'A flow with this name exists' },
  flow_draft: { status: 409, title: 'The flow is a draft' },
  flow_published: { status: 409, title: 'The flow is published' },
  flow_deprecated: { status: 409, title: 'The flow is deprecated' },
  flow_blocked: { status: 409, title: 'Meta has blocked the flow' },
  flow_throttled: { status: 409, title: 'Meta has throttled the flow' },
  label_exists: { status: 409, title: 'A label with this name exists' },
  label_in_use: { status: 409, title: 'The label is in use elsewhere' },
  product_exists: { status: 409, title: 'The catalog has a product with this retailer_id' },
  signup_privacy_policy_fixed: { status: 409, title: 'The privacy policy of a signup never changes' },
  template_exists: { status: 409, title: 'The template exists' },
  template_in_use: { status: 409, title: 'The template is used by a campaign' },
  template_not_approved: { status: 409, title: 'The template is not approved' },
  template_not_found: { status: 404, title: 'No such template' },
  audience_preset_exists: { status: 409, title: 'A preset with this name exists' },
  audience_empty: { status: 409, title: 'Nobody to send to' },
  campaign_draft: { status: 409, title: 'The campaign is a draft' },
  campaign_scheduled: { status: 409, title: 'The campaign is scheduled' },
  campaign_running: { status: 409, title: 'The campaign is running' },
  campaign_completed: { status: 409, title: 'The campaign is completed' },
  campaign_failed: { status: 409, title: 'The campaign has failed' },
  campaign_paused: { status: 409, title: 'The campaign is paused' },
  campaign_cancelled: { status: 409, title: 'The campaign is cancelled' },
  campaign_expired: { status: 409, title: 'The campaign has expired' },
  nothing_to_retry: { status: 409, title: 'Nobody to try again' },
  client_ref_taken: { status: 409, title: 'The client_ref is taken' },
  media_not_ready: { status: 409, title: 'The file is still being fetched' },
  message_expired: { status: 409, title: 'The message was too old to be sent' },
  webhook_endpoint_disabled: { status: 409, title: 'The webhook endpoint is disabled' },
  webhook_endpoint_limit: { status: 409, title: 'There are as many webhook endpoints as there may be' },
  idempotency_in_progress: { status: 409, title: 'A request with this key is still running' },
  event_gone: { status: 410, title: 'The event is not kept any more' },
  media_gone: { status: 410, title: 'The file is gone' },
  idempotency_key_reused: { status: 422, title: 'The idempotency key belongs to another request' },
  cursor_expired: { status: 410, title: 'The cursor is too old' },
  payload_too_large: { status: 413, title: 'The body is too large' },
  unsupported_media_type: { status: 415, title: 'The content type is not supported' },
  range_not_satisfiable: { status: 416, title: 'The file has no such part' },
  contact_blocked: { status: 422, title: 'You have blocked this person' },
  outside_service_window: { status: 422, title: 'Outside the 24-hour customer service window' },
  rate_limited: { status: 429, title: 'Too many requests' },
  internal_error: { status: 500, title: 'Something went wrong on our side' },
  graph_error: { status: 502, title: 'Meta refused the request' },
  audience_failed: { status: 502, title: 'The audience could not be read' },
  media_fetch_failed: { status: 502, title: 'The file could not be fetched from Meta' },
  unavailable: { status: 503, title: 'Temporarily unavailable' },
  media_storage_failed: { status: 503, title: 'The media store does not work' },
  graph_outcome_unknown: { status: 504, title: 'Meta did not answer: the outcome is not known' },
} as const;

export type ErrorCode = keyof typeof ERRORS;

export const ERROR_CODES = Object.keys(ERRORS) as ErrorCode[];

export interface AppErrorOptions {
  /** Overrides the code's status, for the codes that have more than one (`graph_error`: 422, 429 or 502). */
  status?: number;
  errors?: FieldError[];
  /** Further members of the problem document, such as `graph` or `message`. Never a secret. */
  extra?: Record<string, unknown>;
  retryAfterS?: number;
  cause?: unknown;
}

/** An error that a caller caused or must know of; everything else is a bug and answers 500. */
export class AppError extends Error {
  readonly status: number;
  readonly title: string;

  constructor(
    readonly code: ErrorCode,
    detail?: string,
    readonly options: AppErrorOptions = {},
  ) {
    super(detail ?? ERRORS[code].title, { cause: options.cause });
    this.name = 'AppError';
    this.status = options.status ?? ERRORS[code].status;
    this.title = ERRORS[code].title;
  }
}

/** `400 validation_failed` for one field: the commonest error of all. */
export function invalidField(field: string, code: string, message: string): AppError {
  return new AppError('validation_failed', message, { errors: [{ field, code, message }] });
}

/** `400 validation_failed` for several fields at once. */
export function invalidFields(errors: FieldError[]): AppError {
  const message = errors.map((error) => error.message).join('; ');
  return new AppError('validation_failed', message.slice(0, 1_000), { errors });
}

/** The status and title of a code, for documents that list them. */
export function describeError(code: ErrorCode): { status: number; title: string } {
  return ERRORS[code];
}
