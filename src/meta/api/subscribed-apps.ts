import { Injectable } from '@nestjs/common';
import { GraphClient, type GraphAccount, type GraphResult } from '../graph-client.js';

/** An app that Meta posts the webhooks of a WABA to. */
export interface SubscribedApp {
  whatsapp_business_api_data?: { id?: string; name?: string };
  override_callback_uri?: string;
}

/** Source: Meta's reference of `/{WABA_ID}/subscribed_apps`. */
@Injectable()
export class SubscribedAppsApi {
  constructor(private readonly graph: GraphClient) {}

  /** Only apps that the token may see; none: nobody gets the webhooks. */
  async list(account: GraphAccount, wabaId: string): Promise<GraphResult<SubscribedApp[]>> {
    const result = await this.graph.call<{ data?: SubscribedApp[] }>(account, {
      method: 'GET',
      path: `${encodeURIComponent(wabaId)}/subscribed_apps`,
      label: 'subscribed_apps',
    });
    return result.ok ? { ok: true, body: result.body.data ?? [] } : result;
  }
}
