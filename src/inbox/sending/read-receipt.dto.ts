import { AccountScopedDto } from '../../http/common.dto.js';
import { Bool, Nested, OneOf } from '../../http/fields.js';
import { ConversationDto, toConversationDto } from '../chat.dto.js';
import { MessageErrorDto } from '../message.dto.js';
import type { ReadChat } from './read-receipts.service.js';

export class ReadChatDto extends AccountScopedDto {
  @Bool({ optional: true, description: 'Shows the customer, for up to 25 seconds, that somebody is typing.' })
  typing?: boolean;
}

export class ReadReceiptDto {
  @OneOf(['sent', 'failed', 'none'], { description: '`none`: the customer has not written anything.' })
  status: string;

  @Nested(() => MessageErrorDto, { nullable: true, description: 'Why it failed, in Meta’s words.' })
  error: MessageErrorDto | null;
}

/** A conversation that was read just now. */
export class ChatReadDto extends ConversationDto {
  @Nested(() => ReadReceiptDto)
  read_receipt: ReadReceiptDto;
}

export function toChatReadDto({ chat, receipt }: ReadChat): ChatReadDto {
  return { ...toConversationDto(chat), read_receipt: receipt };
}
