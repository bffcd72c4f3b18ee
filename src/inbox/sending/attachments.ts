import { Injectable } from '@nestjs/common';
import type { Account } from '../../accounts/account.js';
import { AppError } from '../../common/app-error.js';
import { MediaService, type SendableMedia } from '../../media/media.service.js';
import type { MediaType } from '../../media/media-state.js';
import type { MessageContent } from '../../meta/api/messages.js';
import type { OutgoingMedia } from '../messages.repository.js';
import type { Attachment } from './send-command.js';

type Part = Record<string, unknown>;

/** Gets the files of messages ready: uploaded, or renewed at Meta where their id has expired. */
@Injectable()
export class Attachments {
  constructor(private readonly media: MediaService) {}

  /** @throws 400, 413 or 415 that names what is wrong with the file; `graph_error` when Meta refuses it */
  async prepare(account: Account, { mediaType, source }: Attachment): Promise<OutgoingMedia> {
    if ('link' in source) {
      return { fileId: null, mediaId: null, link: source.link, mimeType: null, filename: null };
    }
    if ('name' in source) {
      return toOutgoing(await this.media.namedForSend(account, source.name, mediaType, source.field));
    }
    return toOutgoing(
      'file' in source
        ? await this.media.upload(account, source.file.open(), { origin: 'outbound', mediaType })
        : await this.media.forSend(account, source.mediaId, mediaType),
    );
  }

  /** Gives Meta a file again whose id it does not know. @returns null when that cannot be done: the id stays unknown */
  async renew(account: Account, mediaId: string): Promise<OutgoingMedia | null> {
    try {
      const file = await this.media.renew(account, mediaId);
      return file && toOutgoing(file);
    } catch (error) {
      if (error instanceof AppError) {
        return null;
      }
      throw error;
    }
  }
}

function toOutgoing({ fileId, mediaId, mimeType, filename }: SendableMedia): OutgoingMedia {
  return { fileId, mediaId, link: null, mimeType: mimeType || null, filename };
}

/**
 * The content with its file in place, or in the place of the one before: in the message, or in the header of an interactive
 * one or of a template.
 */
export function placeMedia(content: MessageContent, media: OutgoingMedia): MessageContent {
  if (content.type === 'template') {
    return { ...content, template: inHeader(content.template as Part & { components?: Part[] }, media) };
  }
  if (content.type !== 'interactive') {
    return { ...content, [content.type]: withReference(content.type, content[content.type], media) };
  }
  const interactive = content.interactive as Part & { header: Part & { type: MediaType } };
  const { type } = interactive.header;
  const header = { ...interactive.header, [type]: withReference(type, interactive.header[type], media) };
  return { ...content, interactive: { ...interactive, header } };
}

function inHeader(template: Part & { components?: Part[] }, media: OutgoingMedia): Part {
  const components = (template.components ?? []).map((component) => {
    if (component.type !== 'header') {
      return component;
    }
    const parameters = component.parameters as (Part & { type: string })[];
    return {
      ...component,
      parameters: parameters.map((each) => ({
        ...each,
        [each.type]: withReference(each.type, each[each.type], media),
      })),
    };
  });
  return { ...template, components };
}

function withReference(type: string, part: unknown, { mediaId, link, filename }: OutgoingMedia): Part {
  const { id: _id, link: _link, ...details } = (part ?? {}) as Part;
  return {
    // A document shows its name; Meta would make one up.
    ...(type === 'document' && filename !== null ? { filename } : {}),
    ...details,
    ...(link === null ? { id: mediaId } : { link }),
  };
}
