import { Injectable } from '@nestjs/common';
import type { Account } from '../../accounts/account.js';
import { AppError } from '../../common/app-error.js';
import { newestIdentity } from '../../contacts/contact.dto.js';
import { ContactsService } from '../../contacts/contacts.service.js';
import { Database } from '../../database/database.js';
import { FlowExchangeRepository, type ExchangeFlowRow, type FlowTokenRow } from './flow-exchange.repository.js';
import { ASKING_ACTIONS, type AskingAction, type FlowQuestion } from './flow-question.js';

/** As long as Meta and our table let them be. */
const MAX_TOKEN = 1_024;
const MAX_TEXT = 200;

/** Makes a question for handlers of what Meta asks: with whom it is about, and for whom. */
@Injectable()
export class FlowQuestions {
  constructor(
    private readonly database: Database,
    private readonly repository: FlowExchangeRepository,
    private readonly contacts: ContactsService,
  ) {}

  /**
   * @param relatives the accounts that the flow may have been sent from, its own first
   * @returns null when it is no request for a screen; `token_refused` when its token cannot be for this flow
   */
  async read(
    id: string,
    flow: ExchangeFlowRow,
    account: Account,
    relatives: readonly Account[],
    request: Record<string, unknown>,
  ): Promise<FlowQuestion | 'token_refused' | null> {
    const { action, flow_token: token } = request;
    // Left out, or null: both have been seen when a flow is opened.
    const [screen, data, version] = [request.screen ?? '', request.data ?? {}, request.version ?? ''];
    if (!isAsking(action) || !isText(screen) || !isText(version) || !isObject(data)) {
      return null;
    }
    if (!isToken(token)) {
      return 'token_refused';
    }
    const ids = relatives.map((relative) => relative.id);
    const sent = await this.repository.listTokens(this.database, ids, account.id, token);
    const fitting = sent.filter((row) => isOf(flow, row));
    if (sent.length > 0 && fitting.length === 0) {
      return 'token_refused';
    }
    // A token that was given to several people says of none of them that it is they who ask.
    const [known] = fitting.every((row) => row.contact_id === fitting[0]?.contact_id) ? fitting : [];
    // The number that the flow was sent from, where we know it: that is whose contact the person is.
    const sender = relatives.find((relative) => relative.id === fitting[0]?.account_id) ?? account;
    return {
      ...request,
      id,
      version,
      action,
      screen,
      data,
      flow_token: token,
      flow_token_known: fitting.length > 0,
      flow: { id: flow.id, name: flow.name, meta_flow_id: flow.meta_flow_id, status: flow.status },
      account: { id: sender.id, name: sender.name, phone_number_id: sender.phoneNumberId },
      contact: known ? await this.findPerson(sender, known.contact_id) : null,
    };
  }

  /** Everybody may be seen: that the token was given to them is proof enough. */
  private async findPerson(account: Account, contactId: number): Promise<FlowQuestion['contact']> {
    try {
      const row = await this.contacts.get({ account, accountIds: [] }, contactId);
      return { id: row.id, name: row.name, phone: row.phone, user_id: newestIdentity(row, 'user_id') };
    } catch (error) {
      if (error instanceof AppError && error.code === 'not_found') {
        // Forgotten in this very moment.
        return null;
      }
      throw error;
    }
  }
}

/** Was the token sent with this flow? What was sent by name may have been, for names change. */
function isOf(flow: ExchangeFlowRow, { meta_flow_id: sentWith }: FlowTokenRow): boolean {
  return sentWith === null || flow.meta_flow_id === null || sentWith === flow.meta_flow_id;
}

function isAsking(action: unknown): action is AskingAction {
  return (ASKING_ACTIONS as readonly unknown[]).includes(action);
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= MAX_TEXT;
}

/** PostgreSQL holds no NUL, and a lone surrogate cannot be written in UTF-8. */
function isToken(value: unknown): value is string {
  return (
    typeof value === 'string' && value !== '' && value.length <= MAX_TOKEN && !/[\u0000\p{Surrogate}]/u.test(value)
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
