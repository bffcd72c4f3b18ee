import { Injectable } from '@nestjs/common';
import { GraphClient, type GraphAccount, type GraphResult } from '../graph-client.js';
import { ambiguous } from '../graph-error.js';

/** What Meta encrypts the data exchange of flows with. */
export interface MetaFlowKey {
  /** PEM. */
  publicKey: string;
  /** Does Meta's signature belong to this key? MISMATCH: phones will not use it. */
  signatureStatus: string;
}

interface KeyAnswer {
  business_public_key?: unknown;
  business_public_key_signature_status?: unknown;
}

const LABEL = 'business_encryption';

/** Source: Meta's reference, `/{PHONE_NUMBER_ID}/whatsapp_business_encryption`. The key belongs to the number. */
@Injectable()
export class FlowEncryptionApi {
  constructor(private readonly graph: GraphClient) {}

  /** Null when the number has none. Guides print the answer flat, the OpenAPI document as a list: both are read. */
  async find(account: GraphAccount): Promise<GraphResult<MetaFlowKey | null>> {
    const result = await this.graph.call<KeyAnswer & { data?: KeyAnswer[] }>(account, {
      method: 'GET',
      path: pathOf(account),
      label: LABEL,
    });
    if (!result.ok) {
      return result;
    }
    const { business_public_key: publicKey, business_public_key_signature_status: status } =
      result.body.data?.[0] ?? result.body;
    return {
      ok: true,
      body:
        typeof publicKey === 'string' && publicKey !== ''
          ? { publicKey, signatureStatus: typeof status === 'string' ? status : 'MISMATCH' }
          : null,
    };
  }

  /** Takes the place of the key that Meta has. A 2xx that does not say "success" leaves open what was done. */
  async upload(account: GraphAccount, publicKey: string): Promise<GraphResult<unknown>> {
    const result = await this.graph.call<{ success?: unknown }>(account, {
      method: 'POST',
      path: pathOf(account),
      params: { business_public_key: publicKey },
      label: LABEL,
    });
    return result.ok && result.body.success !== true
      ? { ok: false, failure: ambiguous('Meta answered 200 without saying that it was done.', 200) }
      : result;
  }
}

function pathOf(account: GraphAccount): string {
  return `${encodeURIComponent(account.phoneNumberId)}/whatsapp_business_encryption`;
}
