import type { StoredMedia } from '../state/media.js';
import { UPLOAD_LIMITS } from '../state/media-kinds.js';
import type { World } from '../world.js';
import type { GraphCall } from './call.js';
import { badParam, GraphError, unknownObject } from './graph-error.js';
import { readForm, type FormPart } from './multipart.js';
import { respondJson } from './respond.js';

/** `POST /{PHONE}/media`. */
export function handleMediaUpload(call: GraphCall): void {
  const { world, id, token, bytes, request, response } = call;
  const number = world.registry.number(id, token);
  if (number === undefined) {
    throw unknownObject('POST', id);
  }
  const form = readForm(bytes, request.headers['content-type'] ?? '');
  if (form.get('messaging_product')?.bytes.toString() !== 'whatsapp') {
    throw badParam('The parameter messaging_product is required.');
  }
  const file = form.get('file');
  if (file === undefined || file.bytes.length === 0) {
    throw badParam('The parameter file is required.');
  }
  const mime = mimeOf(file, form.get('type'));
  const limit = UPLOAD_LIMITS[mime] as number;
  if (file.bytes.length > limit) {
    throw new GraphError(131053, `The file has ${file.bytes.length} bytes; ${mime} may have at most ${limit}.`);
  }
  // A copy, so that the rest of the form can be freed.
  respondJson(response, { id: world.media.add(number.id, mime, Buffer.from(file.bytes), 'upload').id });
}

/**
 * Meta looks at the type of the file's own part, takes it only without parameters, and prints the whole list when it is not
 * on it. `type` is documented as required, but Meta's own example has it in the part alone.
 */
function mimeOf(file: FormPart, given: FormPart | undefined): string {
  const declared = given?.bytes.toString().trim() ?? '';
  for (const mime of [file.type, declared]) {
    if (mime !== '' && !Object.hasOwn(UPLOAD_LIMITS, mime)) {
      throw badParam(
        `Param file must be a file with one of the following types: ${Object.keys(UPLOAD_LIMITS).join(', ')}. ` +
          `Received file of type '${mime.slice(0, 100)}'.`,
      );
    }
  }
  if (file.type === '' && declared === '') {
    throw badParam('The parameter type is required.');
  }
  return file.type || declared;
}

/** `GET|DELETE /{MEDIA_ID}`; false when there is no such media. Meta: `phone_number_id` restricts to that number. */
export function handleMedia({ world, id, method, query, response }: GraphCall): boolean {
  const file = world.media.find(id);
  const number = query.get('phone_number_id');
  if (file === undefined || (number !== null && number !== file.numberId)) {
    return false;
  }
  if (method === 'DELETE') {
    world.media.remove(id);
    respondJson(response, { success: true });
    return true;
  }
  if (method !== 'GET') {
    throw unknownObject(method, id);
  }
  respondJson(response, {
    messaging_product: 'whatsapp',
    ...mediaFacts(world, file),
    file_size: file.bytes.length,
    id,
  });
  return true;
}

function mediaFacts(world: World, file: StoredMedia): Record<string, string> {
  return {
    url: world.media.url(file, world.ownUrl),
    mime_type: file.mime,
    sha256: world.media.announcedSha256(file).toString('hex'),
  };
}
