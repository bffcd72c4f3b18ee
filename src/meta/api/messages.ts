import { Injectable } from '@nestjs/common';
import { GraphClient, type GraphAccount, type GraphResult } from '../graph-client.js';
import { ambiguous } from '../graph-error.js';

/** To whom: a phone in E.164 with its `+` (without it Meta prepends the business's country code), or a user id (BSUID). */
export type Recipient = { phone: string } | { userId: string };

/** What is sent: Meta's `type` and the object named as it. */
export interface MessageContent {
  type: string;
  [part: string]: unknown;
}

export interface SendRequest {
  to: Recipient;
  content: MessageContent;
  /** wamid of the message that is answered. */
  replyTo?: string | null;
  /** Comes back in every status (`biz_opaque_callback_data`, ≤ 512): finds an attempt whose answer was lost. */
  callbackData: string;
}

/** Meta's body of an accepted message. */
export interface SendResponse {
  messaging_product: string;
  contacts?: { input?: string; wa_id?: string; user_id?: string }[];
  messages: { id: string; message_status?: string }[];
}

/** Source: Meta's Cloud API reference, `/{PHONE_NUMBER_ID}/messages`. */
@Injectable()
export class MessagesApi {
  constructor(private readonly graph: GraphClient) {}

  /**
   * Sends one message, once: Graph has no idempotency key. A 2xx without a message id is `ambiguous`, for Meta may have
   * accepted it.
   */
  async send(account: GraphAccount, request: SendRequest): Promise<GraphResult<SendResponse>> {
    const result = await this.graph.call<SendResponse>(account, {
      method: 'POST',
      path: `${encodeURIComponent(account.phoneNumberId)}/messages`,
      label: 'messages',
      body: {
        messaging_product: 'whatsapp',
        recipient_type: 'individual',
        ...('phone' in request.to ? { to: request.to.phone } : { recipient: request.to.userId }),
        ...(request.replyTo ? { context: { message_id: request.replyTo } } : {}),
        ...request.content,
        biz_opaque_callback_data: request.callbackData,
      },
    });
    if (result.ok && typeof result.body.messages?.[0]?.id !== 'string') {
      return { ok: false, failure: ambiguous('Meta answered 200 without a message id.', 200) };
    }
    return result;
  }

  /**
   * Shows the customer that a message, and all before it, was read.
   * @param receipt typing: also shows that somebody is typing, until the answer comes or 25 s have passed
   */
  markRead(account: GraphAccount, receipt: { wamid: string; typing: boolean }): Promise<GraphResult<unknown>> {
    return this.graph.call(account, {
      method: 'POST',
      path: `${encodeURIComponent(account.phoneNumberId)}/messages`,
      label: 'read_receipt',
      body: {
        messaging_product: 'whatsapp',
        status: 'read',
        message_id: receipt.wamid,
        ...(receipt.typing ? { typing_indicator: { type: 'text' } } : {}),
      },
    });
  }
}
