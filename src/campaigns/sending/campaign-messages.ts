import { Injectable } from '@nestjs/common';
import type { Account } from '../../accounts/account.js';
import { AppError } from '../../common/app-error.js';
import { Database } from '../../database/database.js';
import { TemplateMedia } from '../../templates/template-media.service.js';
import type { KnownMedia } from '../../templates/template-send-header.js';
import type { Template } from '../../templates/template.js';
import { TemplatesService } from '../../templates/templates.service.js';
import type { RunningCampaign } from '../campaigns.repository.js';
import { mediaOfCampaign, type Mappings } from '../parameters.js';
import type { SendingCampaign } from './preparation.js';

/** What goes out by variant (null is the campaign's own template), or why nothing can now. */
export type CampaignMessagesResult =
  | { state: 'ready'; byVariant: Map<number | null, SendingCampaign> }
  /** Meta or our storage is busy: the same may succeed in a moment. */
  | { state: 'later' }
  | { state: 'refused'; reason: { code: string; message: string } };

/** Finds what the messages of a campaign are made of: its templates, and the files that they show to everybody. */
@Injectable()
export class CampaignMessages {
  constructor(
    private readonly database: Database,
    private readonly templates: TemplatesService,
    private readonly media: TemplateMedia,
  ) {}

  async of(account: Account, campaign: RunningCampaign): Promise<CampaignMessagesResult> {
    const { id, missingVariables, defaultValue } = campaign;
    const own = campaign.templateId === null ? [] : [{ ...campaign, id: null, templateId: campaign.templateId }];
    const byVariant = new Map<number | null, SendingCampaign>();
    for (const { id: variantId, templateId, parameterMappings } of [...own, ...campaign.variants]) {
      const template = await this.templates.get(this.database, account.id, templateId);
      if (!template) {
        continue;
      }
      const media = await this.mediaOf(account, template, parameterMappings);
      if (media instanceof AppError) {
        return refusalOf(media);
      }
      byVariant.set(variantId, { id, template, parameterMappings, missingVariables, defaultValue, media });
    }
    return { state: 'ready', byVariant };
  }

  private async mediaOf(account: Account, template: Template, mappings: Mappings): Promise<KnownMedia | AppError> {
    try {
      return await this.media.known(account, mediaOfCampaign(template, mappings));
    } catch (error) {
      if (error instanceof AppError) {
        return error;
      }
      throw error;
    }
  }
}

/** A file that cannot be had would fail every recipient, one by one. */
function refusalOf(error: AppError): CampaignMessagesResult {
  const graph = error.options.extra?.graph as { retryable?: boolean } | undefined;
  const isPassing = error.status === 503 || error.code === 'graph_outcome_unknown' || graph?.retryable === true;
  return isPassing
    ? { state: 'later' }
    : { state: 'refused', reason: { code: 'template_media_unavailable', message: error.message } };
}
