import { TemplateParameterError } from './template-parameter-error.js';
import { textParameters, type TextSlots } from './template-send-text.js';
import type { Template, TemplateHeader, TemplateValues } from './template.js';

type Json = Record<string, unknown>;

/**
 * What Meta calls files: by the name that a sender or a template has for each of them (an id of Meta's, or of the library),
 * Meta's id of now.
 */
export type KnownMedia = ReadonlyMap<string, { mediaId: string; filename: string | null }>;

/** Headers that show a file, and as what the library knows it. Meta sends a GIF as a short MP4. */
const MEDIA_HEADERS = { IMAGE: 'image', VIDEO: 'video', GIF: 'video', DOCUMENT: 'document' } as const;

/** As what a header's file is kept in the library; null for a header without a file. */
export function mediaTypeOfHeader(header: TemplateHeader | null): 'image' | 'video' | 'document' | null {
  const type = header?.type ?? '';
  return Object.hasOwn(MEDIA_HEADERS, type) ? MEDIA_HEADERS[type as keyof typeof MEDIA_HEADERS] : null;
}

/** The link or id that a sender gives a media header; undefined when there is none. */
export function mediaReferenceOf(values: TemplateValues | undefined): string | undefined {
  const given = Array.isArray(values) ? values[0] : (values?.link ?? values?.id ?? values?.media_id);
  return given === '' ? undefined : given;
}

export function isLink(reference: string): boolean {
  return /^https?:\/\//i.test(reference);
}

/** A file that a template shows, by whichever name it has. */
export interface MediaReference {
  reference: string;
  mediaType: 'image' | 'video' | 'document';
}

/** The library's files that a template's headers show when a sender gives none. */
export function ownMediaOf(template: Pick<Template, 'header' | 'headerMediaId' | 'carousel'>): MediaReference[] {
  const headers = [
    { header: template.header, id: template.headerMediaId },
    ...(template.carousel ?? []).map(({ header }) => ({ header, id: header.media_id ?? null })),
  ];
  return headers.flatMap(({ header, id }) => {
    const mediaType = mediaTypeOfHeader(header);
    return mediaType === null || id === null ? [] : [{ reference: String(id), mediaType }];
  });
}

/** One header, of a template or of a card, as its values are put into it. */
export interface HeaderSlot {
  path: string;
  header: TemplateHeader | null;
  text: TextSlots;
  /** The library's file that is shown when the sender gives none. */
  ownMediaId: number | null;
  media: KnownMedia;
}

/** @throws {TemplateParameterError} when what is given does not fit the header, or when something is missing */
export function headerParameters(slot: HeaderSlot, values: TemplateValues | undefined): readonly unknown[] {
  const { header, path } = slot;
  if (mediaTypeOfHeader(header) !== null) {
    return [mediaParameter(slot, (header as TemplateHeader).type.toLowerCase(), values)];
  }
  switch (header?.type) {
    case 'LOCATION':
      return [locationParameter(path, mapOf(values))];
    case 'PRODUCT':
      return [productParameter(path, mapOf(values))];
    case 'TEXT':
      return textParameters(path, values, slot.text);
    default:
      if (values !== undefined && Object.keys(values).length > 0) {
        throw new TemplateParameterError(path, 'not_allowed', 'is given, and the template has no header');
      }
      return [];
  }
}

function mediaParameter(
  { path, ownMediaId, media }: HeaderSlot,
  type: string,
  values: TemplateValues | undefined,
): Json {
  const given = mediaReferenceOf(values);
  const own = ownMediaId === null ? undefined : media.get(String(ownMediaId));
  if (given === undefined && own === undefined) {
    throw new TemplateParameterError(path, 'missing', `must be a link or the media id of the ${type}`);
  }
  if (Array.isArray(values) && values.length > 1) {
    throw new TemplateParameterError(path, 'wrong_count', `takes one value: a link or the media id of the ${type}`);
  }
  const known = given === undefined ? own : media.get(given);
  const filename = (Array.isArray(values) ? undefined : values?.filename) || known?.filename;
  return {
    type,
    [type]: {
      ...(given !== undefined && isLink(given) ? { link: given } : { id: known?.mediaId ?? given }),
      ...(type === 'document' && filename ? { filename } : {}),
    },
  };
}

function locationParameter(path: string, values: Readonly<Record<string, string>>): Json {
  const { name, address } = values;
  const degrees = (key: string, limit: number): string => {
    const value = values[key];
    if (value === undefined || value === '') {
      throw new TemplateParameterError(`${path}.${key}`, 'missing', 'is missing');
    }
    if (!(Math.abs(Number(value)) <= limit)) {
      throw new TemplateParameterError(`${path}.${key}`, 'not_degrees', `must be a number from -${limit} to ${limit}`);
    }
    return value;
  };
  const place = { latitude: degrees('latitude', 90), longitude: degrees('longitude', 180) };
  return { type: 'location', location: { ...place, ...(name ? { name } : {}), ...(address ? { address } : {}) } };
}

function productParameter(path: string, values: Readonly<Record<string, string>>): Json {
  const { product_retailer_id, catalog_id } = values;
  if (!product_retailer_id) {
    throw new TemplateParameterError(`${path}.product_retailer_id`, 'missing', 'is missing');
  }
  return { type: 'product', product: { product_retailer_id, ...(catalog_id ? { catalog_id } : {}) } };
}

function mapOf(values: TemplateValues | undefined): Readonly<Record<string, string>> {
  return values === undefined || Array.isArray(values) ? {} : values;
}
