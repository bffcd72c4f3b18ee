import { phoneFromWaId } from '../common/phone-number.js';
import { asObject, readJson, textOf } from '../meta/webhook-payload.js';

type Json = Record<string, unknown>;

/** What somebody answered in a flow, read from the message. */
export interface FlowAnswer {
  /** Null: the answer has none. */
  token: string | null;
  /** Without the token; what is no JSON object stands as text in `response_json`. */
  data: Json;
  /** Of the writer, when the message tells it. */
  phone: string | null;
}

const MAX_TOKEN = 1_024;

/**
 * Reads the message object of a webhook. Null for what is no answer to a flow: an address is told by the same kind of message.
 * Meta's samples: `interactive.nfm_reply`, whose `response_json` is JSON in a string.
 */
export function readFlowAnswer(message: Json): FlowAnswer | null {
  const reply = asObject(asObject(message.interactive)?.nfm_reply);
  if (!reply || (reply.name !== undefined && reply.name !== 'flow')) {
    return null;
  }
  const { flow_token, ...data } = dataOf(reply.response_json);
  const from = textOf(message.from);
  return {
    token: typeof flow_token === 'string' && flow_token !== '' && flow_token.length <= MAX_TOKEN ? flow_token : null,
    data: typeof flow_token === 'string' || flow_token === undefined ? data : { ...data, flow_token },
    phone: from === null ? null : phoneFromWaId(from),
  };
}

function dataOf(value: unknown): Json {
  const object = asObject(value);
  if (object) {
    return object;
  }
  if (typeof value !== 'string') {
    return value === undefined || value === null ? {} : { response_json: value };
  }
  // The body was cleaned of what PostgreSQL refuses, but this is JSON in JSON: it may have hidden some.
  const read = readJson(Buffer.from(value));
  return (read.ok ? asObject(read.value) : null) ?? { response_json: value };
}
