import { Injectable } from '@nestjs/common';
import type { Account } from '../accounts/account.js';
import { AccountsService } from '../accounts/accounts.service.js';
import { CampaignProgress } from '../campaigns/campaign-progress.js';
import { counter } from '../common/metrics.js';
import { fingerprint } from '../common/secret.js';
import { Config } from '../config/config.js';
import type { Tx } from '../database/database.js';
import { InboxWebhook, type AccountChange, type UnreadableItem } from '../inbox/inbox.webhook.js';
import { idOf, parseWebhook, textOf, type Change } from '../meta/webhook-payload.js';
import { TemplatesService } from '../templates/templates.service.js';
import type { WaitingWebhook, WebhookVerdict } from './webhook-logs.repository.js';

/** Handlers of a field, lowest module first; they run in the transaction of the batch. @returns what could not be read */
type FieldHandler = (tx: Tx, changes: readonly AccountChange[]) => Promise<UnreadableItem[]>;

const changesTotal = counter('parley_webhook_changes_total', 'Changes in webhooks', ['field', 'outcome']);

/** Brings each change to those who care for its field, in batches. */
@Injectable()
export class WebhookRouter {
  /** Fields that are not here are kept in the log and counted. */
  private readonly handlers: Record<string, FieldHandler> = {
    messages: async (tx, changes) => {
      const { folded, errors } = await this.inbox.handle(tx, changes);
      await this.campaigns.applyDeliveries(tx, folded);
      return errors;
    },
    message_template_status_update: async (tx, changes) => {
      await this.templates.applyStatusEvents(tx, changes.flatMap(readTemplateEvent));
      return [];
    },
  };

  constructor(
    private readonly accounts: AccountsService,
    private readonly inbox: InboxWebhook,
    private readonly campaigns: CampaignProgress,
    private readonly templates: TemplatesService,
    private readonly config: Config,
  ) {}

  /** Applies bodies in the caller's transaction. Throws only when the batch as a whole must be tried again. */
  async apply(tx: Tx, webhooks: readonly WaitingWebhook[]): Promise<WebhookVerdict[]> {
    const accounts = await this.accounts.snapshot();
    const byField = new Map<string, { verdict: WebhookVerdict; change: AccountChange }[]>();
    const verdicts = webhooks.map((webhook) => {
      const verdict: WebhookVerdict = { ...keyOf(webhook), processed: true, error: null, fields: [], accountIds: [] };
      const parsed = parseWebhook(webhook.body);
      if (!parsed.ok) {
        // A second look will not make it readable: kept for a person, and out of the way of the others.
        return { ...verdict, processed: false, error: parsed.error };
      }
      verdict.fields = [...new Set(parsed.changes.map((change) => change.field))];
      for (const change of parsed.changes) {
        this.route(verdict, webhook, change, accounts, byField);
      }
      return verdict;
    });
    for (const [field, items] of byField) {
      const unreadable = await this.handlers[field]?.(
        tx,
        items.map((item) => item.change),
      );
      const verdictOf = new Map(items.map((item) => [item.change, item.verdict]));
      for (const { change, error } of unreadable ?? []) {
        const verdict = verdictOf.get(change);
        if (verdict) {
          verdict.error = [verdict.error, error].filter(Boolean).join('; ');
        }
      }
    }
    return verdicts;
  }

  private route(
    verdict: WebhookVerdict,
    webhook: WaitingWebhook,
    change: Change,
    accounts: readonly Account[],
    byField: Map<string, { verdict: WebhookVerdict; change: AccountChange }[]>,
  ): void {
    const isHandled = change.field in this.handlers;
    const named = accounts.filter(
      (account) =>
        account.isActive &&
        (change.phoneNumberId === null
          ? account.wabaId === change.entryId
          : account.phoneNumberId === change.phoneNumberId),
    );
    if (named.length === 0) {
      if (isHandled) {
        verdict.error ??= 'no account';
      }
      changesTotal.inc({ field: known(isHandled, change.field), outcome: 'no_account' });
      return;
    }
    for (const account of named) {
      if (!this.isTrusted(account, webhook.secretFingerprint)) {
        verdict.error ??= 'signed with the secret of another account';
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

function keyOf(webhook: WaitingWebhook): { id: number; receivedAt: Date } {
  return { id: webhook.id, receivedAt: webhook.receivedAt };
}

/** Metric labels are a closed set: Meta adds fields without notice. */
function known(isHandled: boolean, field: string): string {
  return isHandled ? field : 'other';
}

function readTemplateEvent({
  account,
  change,
}: AccountChange): Parameters<TemplatesService['applyStatusEvents']>[1][number][] {
  const { value } = change;
  const metaTemplateId = idOf(value.message_template_id);
  const name = textOf(value.message_template_name);
  const language = textOf(value.message_template_language);
  const event = textOf(value.event);
  if (!metaTemplateId || !name || !language || !event) {
    return [];
  }
  return [{ accountId: account.id, metaTemplateId, name, language, event, reason: textOf(value.reason) }];
}
