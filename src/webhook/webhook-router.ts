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
import { asArray, itemsOf, parseWebhook, type Change } from '../meta/webhook-payload.js';
import { isOlderForm, isSignup } from '../signups/signup-events.js';
import { SignupsWebhook } from '../signups/signups.webhook.js';
import { TemplatesWebhook } from '../templates/templates.webhook.js';
import type { WaitingWebhook, WebhookVerdict } from './webhook-queue.repository.js';

/** A change that a handler cares for, and where to note what becomes of it. */
interface RoutedChange {
  verdict: WebhookVerdict;
  change: AccountChange;
}

/** A change, or what of it is for one handler. */
interface Route {
  handler: string;
  change: Change;
  isFor: (account: Account, change: Change) => boolean;
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

/** Of all that is in a batch people who subscribe come last: signups are locked after contacts. */
const SIGNUPS = 'in_app_signup';

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
    user_preferences: (tx, changes) => this.contacts.handlePreferences(tx, changes),
    [SIGNUPS]: (tx, changes) => this.signups.handle(tx, changes),
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
    const read = webhooks.map((webhook) => {
      const parsed = parseWebhook(webhook.body, webhook.receivedAt);
      return { webhook, parsed, routes: parsed.ok ? parsed.changes.flatMap(routesOf) : [] };
    });
    const accounts = await this.accountsFor(read.flatMap(({ routes }) => routes));
    const byField = new Map<string, RoutedChange[]>();
    const verdicts = read.map(({ webhook, parsed, routes }) => {
      const verdict: WebhookVerdict = { ...keyOf(webhook), processed: true, error: null, fields: [], accountIds: [] };
      if (!parsed.ok) {
        // A second look will not make it readable: kept for a person, and out of the way of the others.
        return { ...verdict, processed: false, error: parsed.error };
      }
      parsed.unreadable.forEach((error) => note(verdict, error));
      verdict.fields = [...new Set(parsed.changes.map((change) => change.field))];
      for (const route of routes) {
        this.route(verdict, webhook, route, accounts, byField);
      }
      return verdict;
    });
    const signups = byField.get(SIGNUPS);
    if (signups) {
      byField.delete(SIGNUPS);
      byField.set(SIGNUPS, signups);
    }
    return { verdicts, byField };
  }

  /** What we know of accounts may be a second old: a number that it does not have may be one that was just connected. */
  private async accountsFor(routes: readonly Route[]): Promise<readonly Account[]> {
    const accounts = await this.accounts.snapshot();
    const isKnown = ({ change, isFor }: Route): boolean =>
      accounts.some((account) => account.isActive && isFor(account, change)) &&
      (change.phoneNumberId === null || accounts.some((account) => account.phoneNumberId === change.phoneNumberId));
    return routes.every(isKnown) ? accounts : this.accounts.freshSnapshot();
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
    { handler, change, isFor }: Route,
    accounts: readonly Account[],
    byField: Map<string, RoutedChange[]>,
  ): void {
    const isHandled = Object.hasOwn(this.handlers, handler);
    const named = accounts.filter((account) => account.isActive && isFor(account, change));
    if (named.length === 0) {
      if (isHandled) {
        note(verdict, 'no account');
      }
      changesTotal.inc({ field: known(isHandled, handler), outcome: 'no_account' });
      return;
    }
    for (const account of named) {
      if (!this.isTrusted(account, webhook.secretFingerprint)) {
        note(verdict, 'signed with the secret of another account');
        changesTotal.inc({ field: known(isHandled, handler), outcome: 'not_trusted' });
        continue;
      }
      verdict.accountIds = [...new Set([...verdict.accountIds, account.id])];
      changesTotal.inc({ field: known(isHandled, handler), outcome: isHandled ? 'applied' : 'kept' });
      if (isHandled) {
        const items = byField.get(handler) ?? [];
        items.push({ verdict, change: { account, change } });
        byField.set(handler, items);
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

/** People who subscribe are the signups' to count, whatever the field that tells of them; the rest is the field's. */
function routesOf(change: Change): Route[] {
  const { field, value } = change;
  if (field === SIGNUPS) {
    return [{ handler: SIGNUPS, change, isFor: isOfSignup }];
  }
  if (isOlderForm(change)) {
    return [
      { handler: SIGNUPS, change, isFor: isOfSignup },
      { handler: field, change, isFor: isNamed },
    ];
  }
  const items = field === 'user_preferences' ? asArray(value.user_preferences) : [];
  const signups = items.filter(isSignup);
  if (signups.length === 0) {
    return [{ handler: field, change, isFor: isNamed }];
  }
  const others = items.filter((item) => !isSignup(item));
  const withItems = (some: unknown[]): Change => ({ ...change, value: { ...value, user_preferences: some } });
  return [
    { handler: SIGNUPS, change: withItems(signups), isFor: isOfSignup },
    ...(others.length === 0 ? [] : [{ handler: field, change: withItems(others), isFor: isNamed }]),
  ];
}

/** A signup belongs to the WABA: every account of it hears of its people, and the one whose number is named. */
function isOfSignup(account: Account, change: Change): boolean {
  return (
    (account.wabaId !== null && account.wabaId === change.entryId) ||
    (change.phoneNumberId !== null && account.phoneNumberId === change.phoneNumberId)
  );
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
