/** What Meta asks for a screen with; everything else is answered without asking anybody. */
export const ASKING_ACTIONS = ['INIT', 'BACK', 'data_exchange'] as const;

export type AskingAction = (typeof ASKING_ACTIONS)[number];

/**
 * What a handler is asked: Meta's decrypted request, so that a handler written for Meta's examples works as it is, and
 * beside it what we know. The keys below win over keys of the same name.
 */
export interface FlowQuestion {
  [key: string]: unknown;
  /** The same for the same request, however often it comes. */
  id: string;
  version: string;
  action: AskingAction;
  /** The screen that was submitted or left; '' when the flow is opened. */
  screen: string;
  data: Record<string, unknown>;
  flow_token: string;
  /** We sent this flow with this token. Not so for previews, and for templates of campaigns. */
  flow_token_known: boolean;
  flow: { id: number; name: string; meta_flow_id: string | null; status: string };
  account: { id: number; name: string; phone_number_id: string };
  /** Whom the flow was sent to; null when the token is not known, or was given to several people. */
  contact: { id: number; name: string; phone: string | null; user_id: string | null } | null;
}

/** The next screen, as Meta takes it. */
export interface FlowScreen {
  screen: string;
  data: Record<string, unknown>;
  version?: string;
}

/** Why a handler gave no answer that Meta would understand. */
export type HandlerFailure =
  'no_handler' | 'failed' | 'timeout' | 'unreachable' | 'refused' | 'bad_answer' | 'too_large' | 'busy' | 'no_secret';

/** What a handler made of a question. */
export type HandlerOutcome =
  | { kind: 'screen'; screen: FlowScreen }
  /** The token is no longer valid: the phone shows the message, and the button of the message is disabled. */
  | { kind: 'token_refused'; message: string }
  | { kind: 'failed'; reason: HandlerFailure; error?: unknown };

/** What the phone shows when a handler refuses the token without saying why. */
export const TOKEN_REFUSED = 'This form is no longer available.';

const MAX_MESSAGE = 500;
const MAX_SCREEN = 200;

/** Reads what a handler answered: a screen, or `{ "error_msg": "…" }` for a token that is no longer valid. */
export function readOutcome(value: unknown, flowToken: string): HandlerOutcome {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return { kind: 'failed', reason: 'bad_answer' };
  }
  const { screen, data = {}, version, error_msg: message } = value as Record<string, unknown>;
  if (screen === undefined && typeof message === 'string') {
    return { kind: 'token_refused', message: message.slice(0, MAX_MESSAGE) || TOKEN_REFUSED };
  }
  if (typeof screen !== 'string' || screen === '' || screen.length > MAX_SCREEN || !isObject(data)) {
    return { kind: 'failed', reason: 'bad_answer' };
  }
  return {
    kind: 'screen',
    screen: {
      ...(typeof version === 'string' ? { version } : {}),
      screen,
      data: screen === 'SUCCESS' ? withToken(data, flowToken) : data,
    },
  };
}

/** The last answer carries the token, or what the person filled in could not be matched when it comes as a message. */
function withToken(data: Record<string, unknown>, flowToken: string): Record<string, unknown> {
  const { extension_message_response: response = {} } = data;
  if (!isObject(response)) {
    return data;
  }
  const { params = {} } = response;
  return isObject(params)
    ? { ...data, extension_message_response: { ...response, params: { flow_token: flowToken, ...params } } }
    : data;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
