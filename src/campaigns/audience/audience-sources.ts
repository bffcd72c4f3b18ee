import { Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import type { Agent } from 'undici';
import type { Account } from '../../accounts/account.js';
import { guardedAgent } from '../../common/guarded-agent.js';
import { decodeCursor, toPage, type Page } from '../../common/page.js';
import { Config } from '../../config/config.js';
import type { CampaignRow } from '../campaigns.repository.js';
import { batchesOfPeople } from './audience-code.js';
import { batchesOfEndpoint, type Patience } from './audience-endpoint.js';
import { BUILT_IN, loadAudiences, loadResolver } from './audience-modules.js';
import {
  AudienceFailure,
  START,
  type AudienceContext,
  type AudienceDefinition,
  type AudienceEndpoint,
  type AudienceInCode,
  type CampaignResolver,
  type PeopleBatch,
  type Position,
} from './audience-source.js';

export type AudienceKind = 'contacts' | 'csv' | 'code' | 'endpoint';

/** An audience as it can be chosen. */
export interface AudienceChoice {
  name: string;
  kind: AudienceKind;
  description: string;
}

/** Whoever gives a campaign's people, when they are not rows of ours. */
export type Giver = 'resolver' | 'audience';

/** People who come from outside, batch by batch; end it with `return()` when no more are wanted. */
export interface OpenedAudience {
  giver: Giver;
  batches: AsyncGenerator<PeopleBatch>;
}

/** What of a campaign its audience is asked with. */
export type AskingCampaign = Pick<CampaignRow, 'id' | 'name' | 'audience_type' | 'audience_filters'>;

const LIST = 'audiences';

const OWN: AudienceChoice[] = [
  {
    name: 'contacts',
    kind: 'contacts',
    description: 'People of this installation, narrowed by audience_filters such as {"labels__name": "VIP"}.',
  },
  { name: 'csv', kind: 'csv', description: 'The file that is uploaded to the campaign.' },
];

/** The audiences that whoever runs Parley has added, and the resolver that is asked before all of them. */
@Injectable()
export class AudienceSources implements OnModuleInit, OnApplicationShutdown {
  private audiences = new Map<string, AudienceDefinition>();
  private resolver: CampaignResolver | AudienceEndpoint | null = null;
  private readonly agent: Agent;

  constructor(private readonly config: Config) {
    this.agent = guardedAgent({ allowPrivate: config.allowPrivateTargets });
  }

  /** @throws AudienceModuleError: better no start than campaigns that reach nobody */
  async onModuleInit(): Promise<void> {
    const { audiences, allowPrivateTargets } = this.config;
    if (audiences.module !== null) {
      this.audiences = await loadAudiences(audiences.module, allowPrivateTargets);
    }
    if (audiences.resolver !== null) {
      const secret = audiences.resolverSecret?.reveal() ?? null;
      this.resolver = await loadResolver(audiences.resolver, secret, allowPrivateTargets);
    }
  }

  async onApplicationShutdown(): Promise<void> {
    await this.agent.destroy();
  }

  /** Every audience that can be chosen, by name. @throws `bad_cursor` */
  list(limit: number, cursor?: string): Page<AudienceChoice> {
    const [after = ''] = cursor === undefined ? [] : decodeCursor(LIST, cursor, 1);
    const rows = this.choices().filter(({ name }) => name > String(after));
    return toPage(LIST, rows.slice(0, limit + 1), limit, ({ name }) => [name]);
  }

  /** May a campaign name it? With a resolver any name may be one of its; it says so when it is asked. */
  isKnown(name: string): boolean {
    return isBuiltIn(name) || this.audiences.has(name) || this.resolver !== null;
  }

  /** Whether somebody else is asked for the people of every campaign, whatever its audience. */
  get hasResolver(): boolean {
    return this.resolver !== null;
  }

  /** Are its people our contacts for certain? A resolver, where there is one, says so only when it is asked. */
  isOfContacts(name: string): boolean {
    return name === 'contacts' && this.resolver === null;
  }

  /**
   * Opens whatever gives the campaign's people, in the order of precedence: the resolver, if the campaign is its business;
   * then the named audience.
   * @returns null when they are rows of ours (contacts, csv), or when nobody knows the audience
   * @throws AudienceFailure
   */
  async open(account: Account, campaign: AskingCampaign, patience: Patience): Promise<OpenedAudience | null> {
    return (
      (await this.reopen(account, campaign, 'resolver', START, patience)) ??
      (await this.reopen(account, campaign, 'audience', START, patience))
    );
  }

  /**
   * Goes on with one that was begun. Of code it begins anew: batches before the position come again.
   * @returns null when the giver is no more, or says that the campaign is none of its business
   * @throws AudienceFailure
   */
  async reopen(
    account: Account,
    campaign: AskingCampaign,
    giver: Giver,
    from: Position,
    patience: Patience,
  ): Promise<OpenedAudience | null> {
    const definition = giver === 'resolver' ? this.resolver : (this.audiences.get(campaign.audience_type) ?? null);
    if (!definition) {
      return null;
    }
    const context = contextOf(account, campaign);
    if ('url' in definition) {
      return this.openEndpoint(definition, context, giver, from, patience);
    }
    const people = await peopleOf(definition, context);
    return giver === 'resolver' && (people === null || people === undefined)
      ? null
      : { giver, batches: batchesOfPeople(people) };
  }

  private choices(): AudienceChoice[] {
    const named = [...this.audiences].map(([name, definition]): AudienceChoice => ({
      name,
      kind: 'url' in definition ? 'endpoint' : 'code',
      description: definition.description ?? '',
    }));
    return [...OWN, ...named].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  private async openEndpoint(
    endpoint: AudienceEndpoint,
    context: AudienceContext,
    giver: Giver,
    from: Position,
    patience: Patience,
  ): Promise<OpenedAudience | null> {
    const batches = batchesOfEndpoint(endpoint, context, from, { agent: this.agent, patience });
    // Only its first answer says whether the campaign is its business.
    const { value: first } = await batches.next();
    if (!first) {
      if (giver === 'resolver') {
        return null;
      }
      throw new AudienceFailure('The endpoint of the audience answered no recipients.');
    }
    return { giver, batches: resumed(first, batches) };
  }
}

async function peopleOf(definition: CampaignResolver | AudienceInCode, context: AudienceContext): Promise<unknown> {
  try {
    return await (typeof definition === 'function'
      ? definition(context)
      : definition.people(context.campaign.audience_filters, context));
  } catch (error) {
    throw new AudienceFailure('The audience failed; the log says why.', error);
  }
}

export function isBuiltIn(name: string): name is (typeof BUILT_IN)[number] {
  return (BUILT_IN as readonly string[]).includes(name);
}

async function* resumed(first: PeopleBatch, rest: AsyncGenerator<PeopleBatch | null>): AsyncGenerator<PeopleBatch> {
  try {
    yield first;
    for await (const batch of rest) {
      if (batch) {
        yield batch;
      }
    }
  } finally {
    await rest.return(null);
  }
}

/** A copy, for whoever gets it may change it. */
function contextOf(account: Account, { id, name, audience_type, audience_filters }: AskingCampaign): AudienceContext {
  return {
    account: { id: account.id, name: account.name, phone_number_id: account.phoneNumberId },
    campaign: { id, name, audience_type, audience_filters: structuredClone(audience_filters) },
  };
}
