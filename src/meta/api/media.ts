import type { Readable } from 'node:stream';
import { Injectable } from '@nestjs/common';
import { GraphClient, type GraphAccount, type GraphResult } from '../graph-client.js';
import type { GraphDownload } from '../graph-downloads.js';
import { ambiguous } from '../graph-error.js';

/** What Meta says of a file; the address lives five minutes. */
export interface MetaMedia {
  id: string;
  url: string;
  mime_type?: string;
  /** Guides print it in hex, webhooks in base64. */
  sha256?: string;
  file_size?: number | string;
}

export interface OutgoingFile {
  stream: Readable;
  size: number;
  filename: string;
  mimeType: string;
}

/** Source: Meta's reference of media (`/{PHONE_NUMBER_ID}/media`, `/{MEDIA_ID}`). */
@Injectable()
export class MediaApi {
  constructor(private readonly graph: GraphClient) {}

  /**
   * Gives Meta a file. The answer is its id, which lives 30 days. Uploading twice does no harm.
   * @throws what the file's stream throws
   */
  async upload(account: GraphAccount, file: OutgoingFile): Promise<GraphResult<{ id: string }>> {
    // Meta takes a type without its parameters only, of an OGG too.
    const [mimeType = ''] = file.mimeType.split(';');
    const result = await this.graph.call<{ id?: unknown }>(account, {
      method: 'POST',
      path: `${encodeURIComponent(account.phoneNumberId)}/media`,
      form: { fields: { messaging_product: 'whatsapp', type: mimeType }, file: { ...file, mimeType } },
      label: 'media_upload',
    });
    if (!result.ok) {
      return result;
    }
    const { id } = result.body;
    return typeof id === 'string' && id !== '' && id.length <= 512
      ? { ok: true, body: { id } }
      : { ok: false, failure: ambiguous('Meta accepted the file without giving it an id.', 200) };
  }

  /** Where the file is. An id of another number is as unknown as a missing one. */
  get(account: GraphAccount, mediaId: string): Promise<GraphResult<MetaMedia>> {
    return this.graph.call(account, {
      method: 'GET',
      path: encodeURIComponent(mediaId),
      query: { phone_number_id: account.phoneNumberId },
      label: 'media',
    });
  }

  /** Opens the file at an address that {@link get} gave. */
  download(account: GraphAccount, url: string, signal: AbortSignal): Promise<GraphDownload> {
    return this.graph.download(account, url, signal);
  }

  delete(account: GraphAccount, mediaId: string): Promise<GraphResult<{ success?: boolean }>> {
    return this.graph.call(account, {
      method: 'DELETE',
      path: encodeURIComponent(mediaId),
      query: { phone_number_id: account.phoneNumberId },
      label: 'media',
    });
  }
}
