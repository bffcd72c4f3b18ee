import { respondJson } from '../graph/respond.js';
import type { StoredMedia } from '../state/media.js';
import type { Json } from '../validation/check.js';
import type { World } from '../world.js';
import { bodyOf, refuse, type ControlCall } from './call.js';

/** `GET /__simulate/media`: every file there is, the newest last. */
export function getMedia({ world, response }: ControlCall): void {
  respondJson(response, { media: world.media.all().map((file) => mediaJson(world, file)) });
}

/** `POST /__simulate/media/expire`: lets one id expire, or all. */
export function postExpire(call: ControlCall): void {
  const { world, response } = call;
  const body = bodyOf(call);
  if (body === undefined) {
    return;
  }
  const { id, all } = body;
  if ((typeof id !== 'string') === (all !== true) || Object.keys(body).length !== 1) {
    refuse(response, ['give id, or all: true']);
    return;
  }
  const ids = typeof id === 'string' ? [id] : world.media.all().map((file) => file.id);
  const unknown = ids.filter((each) => !world.media.expire(each));
  if (unknown.length > 0) {
    refuse(response, [`there is no media ${unknown.join(', ')}`], 404);
    return;
  }
  respondJson(response, { expired: ids.length });
}

function mediaJson(world: World, file: StoredMedia): Json {
  const time = (at: number): string => new Date(at).toISOString();
  return {
    id: file.id,
    phone_number_id: file.numberId || null,
    source: file.source,
    mime_type: file.mime,
    size: file.bytes.length,
    sha256: file.sha256.toString('hex'),
    created_at: time(file.createdAt),
    expires_at: time(file.expiresAt),
    is_expired: world.media.isExpired(file),
    downloads: file.downloads,
  };
}
