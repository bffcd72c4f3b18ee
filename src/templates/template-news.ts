import { Injectable } from '@nestjs/common';
import type { Tx } from '../database/database.js';
import { Outbox } from '../outbox/outbox.js';
import type { TemplateRecord } from './template.entity.js';

/** What of a template can change by Meta's doing. */
export type TemplateAspect = 'status' | 'quality' | 'category' | 'components';

/** A template that Meta sends from now on, or no longer. */
export type NewStatus = Pick<TemplateRecord, 'id' | 'accountId' | 'name' | 'language' | 'status'>;

type StatusListener = (tx: Tx, templates: readonly NewStatus[]) => Promise<void>;

/** Tells the world of templates that changed at Meta. */
@Injectable()
export class TemplateNews {
  private readonly listeners: StatusListener[] = [];

  constructor(private readonly outbox: Outbox) {}

  /**
   * Lets a module above know of templates with another status, in the transaction that changed them, wherever we learnt it;
   * and of those whose status Meta said anew. Register when the module starts.
   */
  onStatus(listener: StatusListener): void {
    this.listeners.push(listener);
  }

  /** @param changed each as it is now, and what of it changed */
  async tell(tx: Tx, changed: readonly { template: TemplateRecord; aspects: TemplateAspect[] }[]): Promise<void> {
    await this.outbox.append(
      tx,
      changed.map(({ template, aspects }) => ({
        type: 'template.status' as const,
        accountId: template.accountId,
        subjectId: template.id,
        payload: {
          id: template.id,
          meta_template_id: template.metaTemplateId,
          name: template.name,
          language: template.language,
          status: template.status,
          rejected_reason: template.rejectedReason,
          rejection_info: template.rejectionInfo,
          category: template.category,
          previous_category: template.previousCategory,
          correct_category: template.correctCategory,
          category_changes_at: template.categoryChangesAt?.toISOString() ?? null,
          quality_score: template.qualityScore,
          changed: aspects,
        },
      })),
    );
    await this.tellListeners(
      tx,
      changed.flatMap(({ template, aspects }) => (aspects.includes('status') ? [template] : [])),
    );
  }

  /**
   * Meta said again what was known, which the world need not hear. It is news all the same for those who had another word of
   * Meta in between: the refusal of a send, of which no webhook told.
   */
  async confirm(tx: Tx, templates: readonly NewStatus[]): Promise<void> {
    await this.tellListeners(tx, templates);
  }

  private async tellListeners(tx: Tx, templates: readonly NewStatus[]): Promise<void> {
    if (templates.length > 0) {
      for (const listener of this.listeners) {
        await listener(tx, templates);
      }
    }
  }
}
