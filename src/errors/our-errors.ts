import type { ErrorCode } from '../common/app-error.js';

/** What a code of ours means, and what whoever meets it does. */
export interface OurErrorText {
  meaning: string;
  whatToDo: string;
  /** The same request may succeed later without being changed. */
  isRetryable: boolean;
}

const final = (meaning: string, whatToDo: string): OurErrorText => ({ meaning, whatToDo, isRetryable: false });
const passing = (meaning: string, whatToDo: string): OurErrorText => ({ meaning, whatToDo, isRetryable: true });

/** A campaign stands where the request is not possible. */
const campaignIs = (status: string, whatToDo: string): OurErrorText =>
  final(`The campaign is ${status}, and what was asked is not possible there.`, whatToDo);
const flowIs = (status: string, whatToDo: string): OurErrorText =>
  final(`The flow is ${status}, and what was asked is not possible there.`, whatToDo);

const LOOK_UP = 'List the resource to find its present id; a deleted one is gone, and another account’s is not there.';

/** Every code of ours: the compiler asks for those that are new. */
export const OUR_ERRORS: Readonly<Record<ErrorCode, OurErrorText>> = {
  validation_failed: final(
    'One or more fields of the request are missing, unknown or wrong. Nothing was done.',
    'Put right what `errors` names: each has the field, a code of its own and a sentence.',
  ),
  bad_cursor: final(
    'The cursor was not made by this list, or was changed on its way.',
    'Take `next_cursor` of the previous page unchanged, or begin again without a cursor.',
  ),
  malformed_json: final(
    'The body is not JSON. Nothing was done.',
    'Send valid JSON in UTF-8; `detail` says where the first fault is.',
  ),
  bad_request: final(
    'The request cannot be read or holds a value that cannot be stored. Nothing was done.',
    'Read `detail` and send the request again as it says.',
  ),
  invalid_phone_number: final('The text is no phone number that could exist.', 'Write it with + and the country code.'),
  unauthorized: final(
    'There is no API key in the request, or none that works: unknown, disabled, expired or replaced.',
    'Send a working key in X-API-Key. An administrator makes one with POST /api-keys.',
  ),
  bad_signature: final(
    'The signature of the body matches no secret that is known here. Nothing was stored.',
    'Check that the app secret of the account, or WHATSAPP_APP_SECRET, is that of the Meta app which calls.',
  ),
  forbidden: final(
    'The key may not do this, whatever its scopes say: it may not give or touch more than it has itself.',
    'Use a key that is not tied to accounts, or one that has every right in question.',
  ),
  insufficient_scope: final(
    'The key works, but lacks the scope that `detail` names.',
    'Use another key, or let an administrator add the scope with PATCH /api-keys/{id}.',
  ),
  verify_token_mismatch: final(
    'Meta’s verification came with a verify token that belongs to no active account.',
    'Copy `verify_token` of the account to Meta’s webhook settings once more.',
  ),
  not_found: final('There is nothing under this address or id for this account.', LOOK_UP),
  account_not_found: final(
    'The account that the request names does not exist, is inactive, or is none the key may use.',
    'GET /accounts lists those that the key may use. A request without an account takes the default of the key.',
  ),
  method_not_allowed: final(
    'The address exists, but not for this method.',
    'Use one of the methods in the Allow header.',
  ),
  conflict: final(
    'The request does not fit what is there now, or another request changed it at the same time.',
    'Read the resource again, then decide whether the change is still wanted.',
  ),
  account_exists: final('Another account has this phone_number_id.', 'Change that account, or delete it first.'),
  account_inactive: final(
    'The account is switched off, so nothing is sent from it.',
    'Switch it on with PATCH /accounts/{id} and `is_active: true`.',
  ),
  account_managed_by_environment: final(
    'The account is defined by environment variables and cannot be changed here.',
    'Change the environment and restart, or remove the variables and add the account by POST /accounts.',
  ),
  account_has_running_campaigns: final(
    'Campaigns of this account are running.',
    'Pause or cancel them, or wait until they are completed.',
  ),
  account_credentials_missing: final(
    'The access token of the account is missing, or was encrypted with a key that is not in ENCRYPTION_KEYS any more.',
    'Set it again with PATCH /accounts/{id} and `access_token`.',
  ),
  last_admin_key: final(
    'This is the last active key with all scopes. Without it nobody could manage keys.',
    'Make another key with the scope * first.',
  ),
  contact_exists: final(
    'A contact with this phone number or user id is there already.',
    'Change that contact with PATCH /contacts/{id} instead.',
  ),
  contact_in_use: final(
    'The contact has conversations, which deleting it would orphan.',
    'Erase the person with DELETE /contacts/{id}?erase=true, which removes what was said as well.',
  ),
  flow_not_found: final('There is no such flow for this account.', LOOK_UP),
  flow_exists: final('A flow with this name exists.', 'Choose another name.'),
  flow_draft: flowIs('a draft', 'Publish it first: POST /flows/{id}/publish.'),
  flow_published: flowIs(
    'published',
    'What is published cannot be changed: clone it with POST /flows/{id}/clone and publish the clone.',
  ),
  flow_deprecated: flowIs('deprecated, which is final', 'Clone it, and publish the clone.'),
  flow_blocked: flowIs(
    'blocked by Meta, mostly because its endpoint fails',
    'Repair the endpoint; GET /flows/{id} shows its health, and Meta unblocks it when it is well.',
  ),
  flow_throttled: flowIs(
    'throttled by Meta to 10 messages an hour, until its endpoint is well',
    'Repair the endpoint, or try again in an hour.',
  ),
  label_exists: final(
    'A label with this name exists; upper and lower case make no difference.',
    'Use that label, or choose another name.',
  ),
  label_in_use: final(
    'The label is used by accounts that this key may not use.',
    'Use a key that may use all accounts of the installation.',
  ),
  product_exists: final(
    'The catalog has a product with this retailer_id.',
    'Change it with PATCH /catalog/products/{id}, or give another retailer_id.',
  ),
  signup_privacy_policy_fixed: final(
    'Meta does not let the privacy policy of a signup change, for people agreed to that one.',
    'Make a new signup with the other policy, and disable this one.',
  ),
  template_exists: final(
    'The account has a template with this name and language.',
    'Change that one, or choose another name or language.',
  ),
  template_in_use: final(
    'A campaign uses this template.',
    'Delete or finish the campaign first, or give it another template.',
  ),
  template_not_approved: final(
    'Meta has not approved the template, has paused it or has disabled it.',
    'GET /templates/{id} tells its status and the reason; push it, wait for the approval, or use another.',
  ),
  template_not_found: final(
    'The account has no template with this name and language.',
    'POST /templates/sync fetches what Meta has; then look at GET /templates.',
  ),
  audience_preset_exists: final('A preset with this name exists.', 'Choose another name, or delete that preset.'),
  audience_empty: final(
    'Nobody is left to send to: nobody was found, or all have opted out, are blocked or cannot be read.',
    'GET /campaigns/{id}/preflight counts who is left out and why. Change the audience.',
  ),
  campaign_draft: campaignIs('a draft', 'Start it first: POST /campaigns/{id}/run.'),
  campaign_scheduled: campaignIs('scheduled', 'Take it back to a draft with PATCH and `scheduled_at: null`.'),
  campaign_running: campaignIs('running', 'Pause it, or wait. Running twice does nothing twice.'),
  campaign_completed: campaignIs('completed', 'Make a new campaign, or POST …/retry-failed for those who failed.'),
  campaign_failed: campaignIs('failed', 'Run it again, or POST …/retry-failed.'),
  campaign_paused: campaignIs('paused', 'Resume it with POST …/resume, or cancel it.'),
  campaign_cancelled: campaignIs('cancelled, which is final', 'Make a new campaign.'),
  campaign_expired: final(
    'The time until which the campaign may send is over.',
    'Make a new campaign with a later `expires_at`.',
  ),
  nothing_to_retry: final(
    'Nobody of this campaign failed in a way that could be tried again.',
    'Look at GET /campaigns/{id}/recipients?status=failed for the reasons.',
  ),
  client_ref_taken: final(
    'Another message of this account has this client_ref; that message is in the answer.',
    'If it is the one you mean, it was sent: nothing is to be done. Else choose another client_ref.',
  ),
  media_not_ready: passing('The file is still being fetched from Meta.', 'Ask again after the seconds of Retry-After.'),
  message_expired: final(
    'The message was older than its `valid_for_s` when its turn came, and was not sent.',
    'Send it again if it still matters.',
  ),
  webhook_endpoint_disabled: final(
    'The webhook endpoint is switched off, by a person or because it failed for days or answered 410.',
    'Repair it, then switch it on with PATCH /webhook-endpoints/{id} and `is_active: true`.',
  ),
  webhook_endpoint_limit: final(
    'There are as many webhook endpoints as there may be.',
    'Delete one that is not needed any more.',
  ),
  idempotency_in_progress: passing(
    'A request with this Idempotency-Key is still running.',
    'Send the same request again after a second: it gets the answer of the first.',
  ),
  event_gone: final(
    'The event is older than events are kept, so that it cannot be delivered again.',
    'Read the present state of what it was about.',
  ),
  media_gone: final(
    'The file is not kept here, and Meta does not have it any more.',
    'Ask the sender to send it again, or upload it once more.',
  ),
  idempotency_key_reused: final(
    'The Idempotency-Key was used for another request of this account in the last seven days.',
    'Make a new key for each thing that is to happen, and keep it for retries of that thing only.',
  ),
  cursor_expired: final(
    'The events behind this cursor are not kept any more, so that a gap cannot be ruled out.',
    'Begin again without a cursor, and read the present state of what matters.',
  ),
  payload_too_large: final(
    'The body is larger than it may be: 1 MB of JSON, 100 MB of a file.',
    'Send less at once: smaller pages, or the file in parts.',
  ),
  unsupported_media_type: final(
    'The content type is not the one that this operation reads.',
    'Send application/json; uploads are multipart/form-data with the field file.',
  ),
  range_not_satisfiable: final(
    'The file has no such part: the range begins behind its end.',
    'Ask for a range within the size that Content-Range tells, or for the whole file.',
  ),
  contact_blocked: final(
    'This number has blocked the person, so that Meta would refuse the message. Meta was not asked.',
    'Unblock first: DELETE /unblock/. `force=true` asks Meta all the same.',
  ),
  outside_service_window: final(
    'The person last wrote more than 24 hours ago, and Meta takes only templates then. Meta was not asked.',
    'Send one of the approved templates that the answer lists. `force=true` asks Meta all the same.',
  ),
  rate_limited: passing(
    'The key, or the address the request comes from, makes more requests than it may. Nothing was done.',
    'Wait the seconds of Retry-After; the RateLimit header tells how many requests are left.',
  ),
  internal_error: final(
    'Something is wrong on our side, and it is in the log under the request_id. What was done is not known.',
    'Tell the operator the request_id. Before repeating a send, look whether it is there; with an Idempotency-Key the ' +
      'same answer comes again.',
  ),
  graph_error: final(
    'Meta refused the request; `graph` has its code, its words and their kind. 422: this recipient, template or ' +
      'request; 429: throttled; 502: anything else.',
    'Look up `graph.code` here: GET /errors/{code}. Repeat only when `graph.retryable` is true.',
  ),
  audience_failed: passing(
    'The code or the server that supplies the audience failed, or answered what cannot be read.',
    'Look at `detail`, repair the audience, then try again.',
  ),
  media_fetch_failed: passing('The file could not be fetched from Meta.', 'Try again in a while.'),
  unavailable: passing(
    'The database or something else that is needed is not reachable right now. Nothing was done.',
    'Try again after the seconds of Retry-After, with the same Idempotency-Key where there is one.',
  ),
  media_storage_failed: passing(
    'The directory or bucket where files are kept does not work.',
    'Tell the operator; then try again.',
  ),
  graph_outcome_unknown: final(
    'Meta was asked and gave no answer that tells whether it took the message. It may have been sent.',
    'Do not repeat it on a guess: the message in the answer gets its status when Meta’s webhook tells. GET /messages/{id}.',
  ),
};
