import { randomBytes } from 'node:crypto';
import { errorOf } from '../error-codes.js';

/** What a Graph error may say beyond its code. */
export interface GraphErrorExtras {
  http?: number;
  message?: string;
  subcode?: number;
  userTitle?: string;
  userMessage?: string;
  /** Management errors carry no `error_data`. */
  withoutData?: boolean;
}

/** A refusal as the Graph API words it. Thrown by validation, written by the server. */
export class GraphError extends Error {
  readonly http: number;

  constructor(
    readonly code: number,
    readonly details: string = errorOf(code).details,
    private readonly extras: GraphErrorExtras = {},
  ) {
    super(extras.message ?? `(#${code}) ${errorOf(code).title}`);
    this.http = extras.http ?? errorOf(code).http;
  }

  /** Meta: envelope of the error-codes page and of GraphAPIError in the OpenAPI document. */
  body(): string {
    const { subcode, userTitle, userMessage, withoutData } = this.extras;
    return JSON.stringify({
      error: {
        message: this.message,
        type: 'OAuthException',
        code: this.code,
        ...(withoutData ? {} : { error_data: { messaging_product: 'whatsapp', details: this.details } }),
        ...(subcode === undefined ? {} : { error_subcode: subcode }),
        ...(userTitle === undefined ? {} : { is_transient: false, error_user_title: userTitle }),
        ...(userMessage === undefined ? {} : { error_user_msg: userMessage }),
        fbtrace_id: `A${randomBytes(15).toString('base64url')}`,
      },
    });
  }
}

/** A required parameter is absent. Meta: 131008. */
export function missing(path: string): GraphError {
  return new GraphError(131008, `Required parameter is missing: ${path}`);
}

/** A parameter has a value outside its rules. Meta: 131009. */
export function invalid(details: string): GraphError {
  return new GraphError(131009, details);
}

/** A parameter that Graph itself refuses before WhatsApp looks at it. Meta: 100. */
export function badParam(sentence: string): GraphError {
  return new GraphError(100, sentence, { message: `(#100) ${sentence}` });
}

/** Meta: code 100, subcode 33, for ids that do not exist or are not visible to the token. */
export function unknownObject(method: string, id: string): GraphError {
  return new GraphError(100, '', {
    message:
      `Unsupported ${method.toLowerCase()} request. Object with ID '${id}' does not exist, ` +
      `cannot be loaded due to missing permissions, or does not support this operation`,
    subcode: 33,
    withoutData: true,
  });
}

/** A template definition that breaks a rule. Meta: code 100 with the rule as `error_subcode` and a sentence for people. */
export function templateRule(subcode: number, title: string, message: string): GraphError {
  return new GraphError(100, '', {
    message: 'Invalid parameter',
    subcode,
    userTitle: title,
    userMessage: message,
    withoutData: true,
  });
}
