import { Injectable } from '@nestjs/common';
import { GraphClient, type GraphAccount, type GraphResult } from '../graph-client.js';
import { ambiguous } from '../graph-error.js';

/** Signups belong to the WABA. */
export type SignupOwner = GraphAccount & { wabaId: string };

/** A signup as a list of Meta's gives it. */
export interface ListedSignup {
  id: string;
  signup_message?: string;
  status?: string;
}

/** A signup with all that Meta has of it. */
export interface MetaSignup extends ListedSignup {
  waba_id?: string;
  confirmation_message?: string;
  privacy_policy_url?: string;
  promo_code?: string;
  display_name?: string;
  website_url?: string;
}

/** What Meta takes of a new signup. */
export interface NewMetaSignup {
  signup_message: string;
  confirmation_message: string;
  privacy_policy_url: string;
  website_url?: string;
  promo_code?: string;
  display_name?: string;
  /** On the first creation of the business, and never again. */
  policy?: { tos: string; accepted: true };
}

/** What of a signup can be changed. */
export type MetaSignupChanges = Partial<Omit<NewMetaSignup, 'privacy_policy_url' | 'policy'>> & {
  status?: 'ACTIVE' | 'DISABLED';
};

interface SignupsPage {
  data?: ListedSignup[];
  paging?: { cursors?: { after?: string }; next?: string };
}

const PAGE_SIZE = 100;
const LABEL = 'signups';

/** Source: Meta's page on In-App Signups: `/{WABA_ID}/signups` and `/signups/{SIGNUP_ID}`. */
@Injectable()
export class SignupsApi {
  constructor(private readonly graph: GraphClient) {}

  /** Creates a signup. A 2xx without an id is `ambiguous`: Meta may have it. */
  async create(account: SignupOwner, signup: NewMetaSignup): Promise<GraphResult<{ id: string }>> {
    const result = await this.graph.call<{ id?: unknown }>(account, {
      method: 'POST',
      path: pathOf(account),
      body: signup,
      label: LABEL,
    });
    if (!result.ok) {
      return result;
    }
    const { id } = result.body;
    return (typeof id === 'string' && id !== '') || typeof id === 'number'
      ? { ok: true, body: { id: String(id) } }
      : { ok: false, failure: ambiguous('Meta answered 200 without the id of a signup.', 200) };
  }

  /** One page; `after` of the last page is null (Meta ends a list by leaving out `paging.next`). */
  async list(
    account: SignupOwner,
    after: string | null,
  ): Promise<GraphResult<{ signups: ListedSignup[]; after: string | null }>> {
    const result = await this.graph.call<SignupsPage>(account, {
      method: 'GET',
      path: pathOf(account),
      query: { limit: PAGE_SIZE, ...(after === null ? {} : { after }) },
      label: LABEL,
    });
    if (!result.ok) {
      return result;
    }
    const { data, paging } = result.body;
    return {
      ok: true,
      body: {
        signups: (Array.isArray(data) ? data : []).filter(hasId),
        after: paging?.next ? (paging.cursors?.after ?? null) : null,
      },
    };
  }

  get(account: GraphAccount, signupId: string): Promise<GraphResult<MetaSignup>> {
    return this.graph.call(account, {
      method: 'GET',
      path: `signups/${encodeURIComponent(signupId)}`,
      label: 'signup',
    });
  }

  /** Changes the given fields. A 2xx that does not say "success" leaves open what was done. */
  async update(account: GraphAccount, signupId: string, changes: MetaSignupChanges): Promise<GraphResult<unknown>> {
    const result = await this.graph.call<{ success?: unknown }>(account, {
      method: 'POST',
      path: `signups/${encodeURIComponent(signupId)}`,
      body: changes,
      label: 'signup',
    });
    return result.ok && result.body.success !== true
      ? { ok: false, failure: ambiguous('Meta answered 200 without saying that it was done.', 200) }
      : result;
  }
}

function hasId(signup: ListedSignup | null): signup is ListedSignup {
  return (typeof signup?.id === 'string' && signup.id !== '') || typeof signup?.id === 'number';
}

function pathOf(account: SignupOwner): string {
  return `${encodeURIComponent(account.wabaId)}/signups`;
}
