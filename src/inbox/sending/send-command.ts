import type { SpooledFile } from '../../http/form.js';
import type { MediaType } from '../../media/media-state.js';
import type { MessageContent } from '../../meta/api/messages.js';
import type { Address } from '../address.js';

/** Where a file is: at Meta, at an address, in the request, or in the library or at Meta by the name a template's sender gives. */
export type AttachmentSource =
  { mediaId: string } | { link: string } | { file: SpooledFile } | { name: string; field: string };

/** A file that a message is to carry, wherever it is now. */
export interface Attachment {
  mediaType: MediaType;
  source: AttachmentSource;
}

/** A message that is to be sent. */
export interface SendCommand {
  to: Address;
  messageType: string;
  messageBody: string;
  /** Complete but for the id or link of the attachment, and for the message a reaction is for. */
  content: MessageContent;
  attachment?: Attachment | undefined;
  /** The message that is answered, and the field that names it. */
  replyTo?: Reference | undefined;
  reaction?: { emoji: string; to: Reference };
  clientRef?: string | undefined;
  sentBy?: string | undefined;
  /** Of the request: a message that was sent with it is not sent again. */
  idempotencyKey?: string | undefined;
  template?: { name: string; language: string };
  location?: { latitude: number; longitude: number; name: string; address: string };
  /** Templates may be sent any time; everything else only inside the service window. */
  isFreeForm: boolean;
  /** Ask Meta although the window is closed, or the person blocked. */
  force?: boolean | undefined;
  /** Later, by the worker. */
  sendAt?: Date | undefined;
  /** Not sent when older than this, counted from `sendAt` or now. */
  validForS?: number | undefined;
}

/** How a request names a message: by wamid or local id. */
export interface Reference {
  field: string;
  reference: string;
}
