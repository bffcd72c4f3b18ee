import { Injectable } from '@nestjs/common';
import type { Account } from '../../accounts/account.js';
import { AppError } from '../../common/app-error.js';
import { MediaService, type SendableMedia } from '../../media/media.service.js';
import type { MediaType } from '../../media/media-state.js';
import type { MessageContent } from '../../meta/api/messages.js';
import { isObject, objectsOf } from '../../templates/template-parts.js';
import { mediaTypeOfHeader } from '../../templates/template-send-header.js';
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

  /**
   * A template with the files of its cards by ids that Meta knows, as far as they are ours: an id that was given out long ago
   * may have expired. @throws as {@link prepare} does
   */
  freshCards(account: Account, content: MessageContent): Promise<MessageContent> {
    return withCardFiles(content, async (mediaId, mediaType) => {
      const { mediaId: present } = await this.media.forSend(account, mediaId, mediaType);
      return present;
    });
  }

  /** The same after Meta has said that it does not know a file, as {@link renew} does it. */
  renewCards(account: Account, content: MessageContent): Promise<MessageContent> {
    return withCardFiles(content, async (mediaId) => (await this.renew(account, mediaId))?.mediaId ?? mediaId);
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

/**
 * The content with other ids of the files that the cards of a template show; itself, when none is another. The components may be
 * the sender's own, of any form.
 */
async function withCardFiles(
  content: MessageContent,
  idOf: (mediaId: string, mediaType: MediaType) => Promise<string>,
): Promise<MessageContent> {
  const present = new Map<string, string>();
  for (const { mediaType, mediaId } of cardFiles(content)) {
    present.set(mediaId, present.get(mediaId) ?? (await idOf(mediaId, mediaType)));
  }
  if ([...present].every(([before, after]) => before === after)) {
    return content;
  }
  const changed = structuredClone(content);
  for (const { file, mediaId } of cardFiles(changed)) {
    file.id = present.get(mediaId);
  }
  return changed;
}

function cardFiles({ template }: MessageContent): { file: Part; mediaId: string; mediaType: MediaType }[] {
  const inside = (part: unknown, key: string): Part[] => objectsOf((part as Part)[key]);
  return (isObject(template) ? inside(template, 'components') : [])
    .flatMap((component) => inside(component, 'cards'))
    .flatMap((card) => inside(card, 'components'))
    .flatMap((component) => inside(component, 'parameters'))
    .flatMap((parameter) => {
      const mediaType = mediaTypeOfHeader({ type: String(parameter.type).toUpperCase() });
      const file = parameter[String(parameter.type)];
      return mediaType !== null && isObject(file) && typeof file.id === 'string'
        ? [{ file, mediaId: file.id, mediaType }]
        : [];
    });
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
