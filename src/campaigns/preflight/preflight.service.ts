import { Injectable } from '@nestjs/common';
import type { Account } from '../../accounts/account.js';
import { peopleLimitOf } from '../../accounts/messaging-limit.js';
import { AccountsService } from '../../accounts/accounts.service.js';
import { Database, type Tx } from '../../database/database.js';
import type { TemplatePreview } from '../../templates/template-preview.js';
import { TemplateMedia } from '../../templates/template-media.service.js';
import { TemplatesService } from '../../templates/templates.service.js';
import type { Visibility } from '../audience/campaign-audience.js';
import type { CampaignRow } from '../campaigns.repository.js';
import { CampaignsService, type CampaignWithVariants } from '../campaigns.service.js';
import { countryOfPhone } from '../pricing/phone-country.js';
import { RatesService } from '../pricing/rates.service.js';
import { TARGET_SHARE } from '../sending/pacer.js';
import { quietUntil, zonesOf } from '../sending/quiet-hours.js';
import { estimate, type Estimate } from './estimate.js';
import { summarise, type AudienceSummary } from './preflight-audience.js';
import { templatesOf, type CampaignTemplate, type ReadTemplate } from './preflight-messages.js';
import { costOf, type Cost } from './preflight-cost.js';
import { problemsOf, type Problem } from './preflight-problems.js';
import { PreflightSource } from './preflight-source.js';
import { PreflightRepository, type ExclusionRules, type SamplePerson } from './preflight.repository.js';

const SAMPLES = 5;
/** People who are looked at: for what would fail them, and for samples, of which those without a value make poor ones. */
const SAMPLE_CANDIDATES = 50;

/** A message as one recipient would see it. */
export interface Sample {
  person: SamplePerson;
  message: CampaignTemplate;
  preview: TemplatePreview;
}

/** What Meta's messaging limit leaves. */
export interface Budget {
  limit: number | null;
  used: number;
  remaining: number | null;
}

/** What a campaign would do if it started now, or when it is scheduled. */
export interface Preflight {
  summary: AudienceSummary<CampaignTemplate>;
  isEstimate: boolean;
  messages: CampaignTemplate[];
  problems: Problem[];
  samples: Sample[];
  startsAt: Date;
  estimate: Estimate;
  cost: Cost;
  budget: Budget;
}

/** Looks at a campaign before it starts. Nothing is sent and no row changes. */
@Injectable()
export class PreflightService {
  constructor(
    private readonly database: Database,
    private readonly campaigns: CampaignsService,
    private readonly templates: TemplatesService,
    private readonly media: TemplateMedia,
    private readonly accounts: AccountsService,
    private readonly rates: RatesService,
    private readonly sources: PreflightSource,
    private readonly repository: PreflightRepository,
  ) {}

  async check(account: Account, visible: Visibility, id: number): Promise<Preflight> {
    const given = await this.campaigns.get(account, id);
    const { campaign } = given;
    const { qualityRating } = await this.accounts.get(account.id, null);
    const messages = await this.messagesOf(account, given);
    const refusedFiles = await this.refusedFilesOf(account, messages);
    const { source, isPartial, error } = await this.sources.of(account, visible, campaign);
    const rules = rulesOf(account, visible, campaign, messages);
    return this.database.transaction(async (tx) => {
      await this.repository.beginReading(tx);
      const fields = fieldsOf(messages);
      const groups = await this.repository.group(tx, source, rules, fields);
      const summary = summarise(groups, fields, messages, countryOfPhone);
      const budget = await this.budgetOf(tx, account);
      const startsAt = new Date(Math.max(Date.now(), campaign.scheduled_at?.getTime() ?? 0));
      const expected = estimate(
        {
          startsAt,
          byCountry: summary.byCountry,
          ratePerSecond: account.messagesPerSecond * TARGET_SHARE,
          neighbours: (await this.repository.findNeighbours(tx, account.id, id)).map(({ pending }) => pending),
          quietHours: campaign.quiet_hours,
          limit:
            budget.limit === null || budget.remaining === null
              ? null
              : { perDay: budget.limit, free: budget.remaining },
        },
        (country, at) => campaign.quiet_hours && quietUntil(campaign.quiet_hours, zonesOf(country), at),
      );
      const rates = await this.rates.current(tx);
      const cost = costOf(summary.byCountry, rates);
      const people =
        messages.length === 0 ? [] : await this.repository.findSamples(tx, source, rules, fields, SAMPLE_CANDIDATES);
      return {
        summary,
        isEstimate: isPartial || messages.length > 1,
        messages,
        samples: samplesOf(people, messages),
        startsAt,
        estimate: expected,
        cost,
        budget,
        problems: problemsOf({
          campaign,
          account: { isActive: account.isActive, qualityRating },
          messages,
          summary,
          people,
          refusedFiles,
          audienceError: error,
          startsAt,
          estimate: expected,
          remainingBudget: budget.remaining,
          unpricedCount: cost.unpricedCount,
          hasRates: rates !== null,
        }),
      };
    });
  }

  /** The templates of a campaign, and somebody it is for; null when there is nobody yet, or the audience cannot be asked. */
  async sampleOf(
    account: Account,
    visible: Visibility,
    id: number,
  ): Promise<{ messages: CampaignTemplate[]; sample: SamplePerson | null }> {
    const given = await this.campaigns.get(account, id);
    const messages = await this.messagesOf(account, given);
    const { source } = await this.sources.of(account, visible, given.campaign, SAMPLE_CANDIDATES);
    const rules = rulesOf(account, visible, given.campaign, messages);
    const [sample] = await this.database.transaction(async (tx) => {
      await this.repository.beginReading(tx);
      // The first of them may be left out.
      return this.repository.findSamples(tx, source, rules, fieldsOf(messages), SAMPLE_CANDIDATES);
    });
    return { messages, sample: sample ?? null };
  }

  private async messagesOf(account: Account, given: CampaignWithVariants): Promise<CampaignTemplate[]> {
    const ids = new Set([given.campaign.template_id, ...given.variants.map((variant) => variant.template_id)]);
    const found = new Map<number, ReadTemplate>();
    for (const id of ids) {
      if (id !== null) {
        found.set(id, await this.templates.read(account.id, id));
      }
    }
    return templatesOf(given, found);
  }

  private async budgetOf(tx: Tx, account: Account): Promise<Budget> {
    const limit = peopleLimitOf(account.messagingLimit);
    const used = await this.repository.countContacted(tx, account.portfolio);
    return { limit, used, remaining: limit === null ? null : Math.max(0, limit - used) };
  }

  private async refusedFilesOf(
    account: Account,
    messages: readonly CampaignTemplate[],
  ): Promise<Map<CampaignTemplate, string[]>> {
    const refused = new Map<CampaignTemplate, string[]>();
    for (const message of messages) {
      refused.set(message, await this.media.findRefused(account, message.files));
    }
    return refused;
  }
}

function samplesOf(people: readonly SamplePerson[], messages: readonly CampaignTemplate[]): Sample[] {
  const sent = people.filter((person) => messages.some((message) => message.judge(person).isSent));
  const shown = [...sent, ...people.filter((person) => !sent.includes(person))].slice(0, SAMPLES);
  return shown.map((person, index) => {
    const message = messages[index % messages.length] as CampaignTemplate;
    return { person, message, preview: message.preview(person) };
  });
}

/** What any of the messages reads, each once. */
function fieldsOf(messages: readonly CampaignTemplate[]): string[] {
  return [...new Set(messages.flatMap((message) => message.fields))];
}

function rulesOf(
  account: Account,
  visible: Visibility,
  campaign: CampaignRow,
  messages: readonly CampaignTemplate[],
): ExclusionRules {
  return {
    accountId: account.id,
    portfolio: account.portfolio,
    isMarketing: messages.some(({ template }) => template.category === 'MARKETING'),
    frequencyCap: campaign.frequency_cap,
    visible,
  };
}
