import { Injectable } from '@nestjs/common';
import type { Account } from '../accounts/account.js';
import { ACCOUNT_FIELDS, digitsOf, numberNamedBy, wabaNamedBy } from '../accounts/account-events.js';
import { AccountsService } from '../accounts/accounts.service.js';
import { AccountsWebhook } from '../accounts/accounts.webhook.js';
import type { AccountChange, UnreadableItem } from '../accounts/account-change.js';
import { CampaignsWebhook } from '../campaigns/campaigns.webhook.js';
import { OrdersWebhook } from '../catalog/orders.webhook.js';
import { counter } from '../common/metrics.js';
import { fingerprint } from '../common/secret.js';
import { Config } from '../config/config.js';
import { ContactsWebhook } from '../contacts/contacts.webhook.js';
import type { Tx } from '../database/database.js';
import { isConnectionLoss, isRetryable } from '../database/pg-error.js';
import { FlowsWebhook } from '../flows/flows.webhook.js';
import { InboxWebhook } from '../inbox/inbox.webhook.js';
import { itemsOf, parseWebhook, type Change } from '../meta/webhook-payload.js';
import { SignupsWebhook } from '../signups/signups.webhook.js';
import { TemplatesWebhook } from '../templates/templates.webhook.js';
import type { WaitingWebhook, WebhookVerdict } from './webhook-logs.repository.js';

/** A change that a handler cares for, and where to note what becomes of it. */
interface RoutedChange {
  verdict: WebhookVerdict;
  change: AccountChange;
}

/** Handlers of a field, lowest module first; they run in the transaction of the batch. @returns what could not be read */
type FieldHandler = (tx: Tx, changes: readonly AccountChange[]) => Promise<UnreadableItem[]>;

/** Fields whose changes name their number; one that does not is nobody's, for a WABA may have several. */
const OF_A_NUMBER = new Set([
  'messages',
  'standby',
  'smb_message_echoes',
  'history',
  'user_preferences',
  'smb_app_state_sync',
]);

const SEPARATOR = '; ';
const MAX_NOTES = 20;

const changesTotal = counter('parley_webhook_changes_total', 'Changes in webhooks', ['field', 'outcome']);

/** Brings each change to those who care for its field, in batches. */
@Injectable()
export class WebhookRouter {
  /** Fields that are not here are kept in the log and counted. */
  private readonly handlers: Record<string, FieldHandler> = {
    messages: (tx, changes) => this.handleMessages(tx, changes),
    standby: (tx, changes) => this.handleMessages(tx, changes),
    smb_message_echoes: (tx, changes) => this.handleMessages(tx, changes),
    history: (tx, changes) => this.handleMessages(tx, changes),
    user_preferences: (tx, changes) => this.handlePreferences(tx, changes),
    in_app_signup: (tx, changes) => this.signups.handle(tx, changes),
    flows: (tx, changes) => this.flows.handle(tx, changes),
    smb_app_state_sync: (tx, changes) => this.contacts.handleStateSync(tx, changes),
    message_template_status_update: (tx, changes) => this.handleTemplates(tx, changes),
    message_template_quality_update: (tx, changes) => this.handleTemplates(tx, changes),
    message_template_components_update: (tx, changes) => this.handleTemplates(tx, changes),
    template_category_update: (tx, changes) => this.handleTemplates(tx, changes),
    template_correct_category_detection: (tx, changes) => this.handleTemplates(tx, changes),
    ...Object.fromEntries(
      ACCOUNT_FIELDS.map((field) => [
        field,
        (tx: Tx, changes: readonly AccountChange[]) => this.accountEvents.handle(tx, changes),
      ]),
    ),
  };

  constructor(
    private readonly accounts: AccountsService,
    private readonly accountEvents: AccountsWebhook,
    private readonly contacts: ContactsWebhook,
    private readonly inbox: InboxWebhook,
    private readonly campaigns: CampaignsWebhook,
    private readonly templates: TemplatesWebhook,
    private readonly orders: OrdersWebhook,
    private readonly signups: SignupsWebhook,
    private readonly flows: FlowsWebhook,
    private readonly config: Config,
  ) {}

  /** Applies bodies in the caller's transaction. Throws only when the batch as a whole must be tried again. */
  async apply(tx: Tx, webhooks: readonly WaitingWebhook[]): Promise<WebhookVerdict[]> {
    const { verdicts, byField } = await this.plan(webhooks);
    for (const [field, routed] of byField) {
      await this.handle(tx, field, routed);
    }
    return verdicts;
  }

  /**
   * Applies a body that failed as a whole, so that what is wrong with one item costs only this item.
   * @returns the verdict; when anything failed, it is not processed and says what
   */
  async applyApart(tx: Tx, webhook: WaitingWebhook): Promise<WebhookVerdict> {
    const { verdicts, byField } = await this.plan([webhook]);
    const [verdict] = verdicts as [WebhookVerdict];
    const failures: string[] = [];
    for (const [field, routed] of byField) {
      const items = routed.flatMap(({ change: { account, change } }) =>
        itemsOf(change).map((item) => ({ verdict, change: { account, change: item } })),
      );
      failures.push(...(await this.halve(tx, field, items)));
    }
    return failures.length === 0
      ? verdict
      : { ...verdict, processed: false, error: [...failures, verdict.error].filter(Boolean).join(SEPARATOR) };
  }

  /** All at once, or one half and then the other, down to the items that fail alone. @returns what they failed with */
  private async halve(tx: Tx, field: string, items: readonly RoutedChange[]): Promise<string[]> {
    await tx.query('savepoint items');
    try {
      await this.handle(tx, field, items);
      await tx.query('release savepoint items');
      return [];
    } catch (error) {
      if (isConnectionLoss(error) || isRetryable(error)) {
        throw error;
      }
      await tx.query('rollback to savepoint items');
      if (items.length === 1) {
        return [(error as Error).message];
      }
      const middle = Math.ceil(items.length / 2);
      const first = await this.halve(tx, field, items.slice(0, middle));
      return [...first, ...(await this.halve(tx, field, items.slice(middle)))];
    }
  }

  private async plan(
    webhooks: readonly WaitingWebhook[],
  ): Promise<{ verdicts: WebhookVerdict[]; byField: Map<string, RoutedChange[]> }> {
    const read = webhooks.map((webhook) => ({ webhook, parsed: parseWebhook(webhook.body, webhook.receivedAt) }));
    const accounts = await this.accountsFor(read.flatMap(({ parsed }) => (parsed.ok ? parsed.changes : [])));
    const byField = new Map<string, RoutedChange[]>();
    const verdicts = read.map(({ webhook, parsed }) => {
      const verdict: WebhookVerdict = { ...keyOf(webhook), processed: true, error: null, fields: [], accountIds: [] };
      if (!parsed.ok) {
        // A second look will not make it readable: kept for a person, and out of the way of the others.
        return { ...verdict, processed: false, error: parsed.error };
      }
      parsed.unreadable.forEach((error) => note(verdict, error));
      verdict.fields = [...new Set(parsed.changes.map((change) => change.field))];
      for (const change of parsed.changes) {
        this.route(verdict, webhook, change, accounts, byField);
      }
      return verdict;
    });
    return { verdicts, byField };
  }

  /** What we know of accounts may be a second old: a number that it does not have may be one that was just connected. */
  private async accountsFor(changes: readonly Change[]): Promise<readonly Account[]> {
    const accounts = await this.accounts.snapshot();
    const isKnown = (change: Change): boolean =>
      accounts.some((account) => account.isActive && isNamed(account, change));
    return changes.every(isKnown) ? accounts : this.accounts.freshSnapshot();
  }

  private async handleMessages(tx: Tx, changes: readonly AccountChange[]): Promise<UnreadableItem[]> {
    const outcome = await this.inbox.handle(tx, changes);
    await this.orders.receive(
      tx,
      outcome.received.flatMap(({ messageType, raw, ...message }) =>
        messageType === 'order' && raw !== null ? [{ ...message, raw }] : [],
      ),
    );
    await this.flows.receive(tx, outcome.received);
    await this.campaigns.handle(tx, outcome);
    return outcome.errors;
  }

  private async handlePreferences(tx: Tx, changes: readonly AccountChange[]): Promise<UnreadableItem[]> {
    return [...(await this.contacts.handlePreferences(tx, changes)), ...(await this.signups.handle(tx, changes))];
  }

  private async handleTemplates(tx: Tx, changes: readonly AccountChange[]): Promise<UnreadableItem[]> {
    const { errors } = await this.templates.handle(tx, changes);
    return errors;
  }

  private async handle(tx: Tx, field: string, routed: readonly RoutedChange[]): Promise<void> {
    const unreadable = await this.handlers[field]?.(
      tx,
      routed.map(({ change }) => change),
    );
    const verdictOf = new Map(routed.map(({ change, verdict }) => [change, verdict]));
    for (const { change, error } of unreadable ?? []) {
      const verdict = verdictOf.get(change);
      if (verdict) {
        note(verdict, error);
      }
    }
  }

  private route(
    verdict: WebhookVerdict,
    webhook: WaitingWebhook,
    change: Change,
    accounts: readonly Account[],
    byField: Map<string, RoutedChange[]>,
  ): void {
    const isHandled = Object.hasOwn(this.handlers, change.field);
    const named = accounts.filter((account) => account.isActive && isNamed(account, change));
    if (named.length === 0) {
      if (isHandled) {
        note(verdict, 'no account');
      }
      changesTotal.inc({ field: known(isHandled, change.field), outcome: 'no_account' });
      return;
    }
    for (const account of named) {
      if (!this.isTrusted(account, webhook.secretFingerprint)) {
        note(verdict, 'signed with the secret of another account');
        changesTotal.inc({ field: known(isHandled, change.field), outcome: 'not_trusted' });
        continue;
      }
      verdict.accountIds = [...new Set([...verdict.accountIds, account.id])];
      changesTotal.inc({ field: known(isHandled, change.field), outcome: isHandled ? 'applied' : 'kept' });
      if (isHandled) {
        const items = byField.get(change.field) ?? [];
        items.push({ verdict, change: { account, change } });
        byField.set(change.field, items);
      }
    }
  }

  /** A body changes only accounts whose own secret signed it, so that one tenant cannot speak for another. */
  private isTrusted(account: Account, secretFingerprint: string | null): boolean {
    if (secretFingerprint === null) {
      return this.config.webhook.allowUnsigned;
    }
    const effective = account.appSecret ?? this.config.webhook.appSecret;
    return (
      (effective !== null && fingerprint(effective) === secretFingerprint) ||
      account.appSecretFingerprints.includes(secretFingerprint)
    );
  }
}

/** By its number, else by its WABA; an account whose WABA nobody told us by the number that is written in the change. */
function isNamed(account: Account, change: Change): boolean {
  if (change.phoneNumberId !== null || OF_A_NUMBER.has(change.field)) {
    return account.phoneNumberId === change.phoneNumberId;
  }
  if (account.wabaId === null) {
    const number = numberNamedBy(change);
    return number !== null && digitsOf(account.displayPhoneNumber) === number;
  }
  return account.wabaId === change.entryId || account.wabaId === wabaNamedBy(change);
}

function keyOf(webhook: WaitingWebhook): { id: number; receivedAt: Date } {
  return { id: webhook.id, receivedAt: webhook.receivedAt };
}

/** Says each thing once, however many items of the body it is true of. */
function note(verdict: WebhookVerdict, error: string): void {
  const said = verdict.error === null ? [] : verdict.error.split(SEPARATOR);
  if (said.length < MAX_NOTES && !said.includes(error)) {
    verdict.error = [...said, error].join(SEPARATOR);
  }
}

/** Metric labels are a closed set: Meta adds fields without notice. */
function known(isHandled: boolean, field: string): string {
  return isHandled ? field : 'other';
}
