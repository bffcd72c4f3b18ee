import { Injectable } from '@nestjs/common';
import { GraphClient, type GraphAccount, type GraphResult } from '../graph-client.js';

export interface PhoneNumberInfo {
  id: string;
  display_phone_number?: string;
  verified_name?: string;
  quality_rating?: string;
  status?: string;
  throughput?: { level?: string };
  whatsapp_business_manager_messaging_limit?: string;
}

export interface BusinessProfile {
  about?: string;
  profile_picture_url?: string;
}

/** Source: Meta's reference of the phone number node and `whatsapp_business_profile`. */
@Injectable()
export class PhoneNumbersApi {
  constructor(private readonly graph: GraphClient) {}

  get(account: GraphAccount): Promise<GraphResult<PhoneNumberInfo>> {
    return this.graph.call(account, {
      method: 'GET',
      path: encodeURIComponent(account.phoneNumberId),
      query: {
        fields:
          'id,display_phone_number,verified_name,quality_rating,status,throughput,whatsapp_business_manager_messaging_limit',
      },
      label: 'phone_number',
    });
  }

  /** Guides print the profile flat, the OpenAPI document nests it: both are read. */
  async getProfile(account: GraphAccount): Promise<GraphResult<BusinessProfile>> {
    const result = await this.graph.call<{ data?: (BusinessProfile & { business_profile?: BusinessProfile })[] }>(
      account,
      {
        method: 'GET',
        path: `${encodeURIComponent(account.phoneNumberId)}/whatsapp_business_profile`,
        query: { fields: 'about,profile_picture_url' },
        label: 'business_profile',
      },
    );
    if (!result.ok) {
      return result;
    }
    const first = result.body.data?.[0];
    return { ok: true, body: first?.business_profile ?? first ?? {} };
  }
}
