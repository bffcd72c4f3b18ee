import type { IncomingMessage, ServerResponse } from 'node:http';
import type { World } from '../world.js';
import { tokenOf } from './auth.js';
import { handleBlockUsers } from './blocking-api.js';
import type { GraphCall } from './call.js';
import { handleCatalogNode, handleCommerceSettings, handleProductCatalogs, handleProducts } from './catalog-api.js';
import { handleDownload } from './download.js';
import { handleEncryption } from './encryption-api.js';
import {
  handleFlow,
  handleFlowAssets,
  handleFlowDeprecate,
  handleFlowDownload,
  handleFlowPublish,
  handleFlows,
} from './flows-api.js';
import { badParam, unknownObject } from './graph-error.js';
import { handleMedia, handleMediaUpload } from './media-api.js';
import { handleNode, handlePhoneNumbers, handleProfile, handleSubscribedApps, numberOf } from './numbers-api.js';
import { respondJson } from './respond.js';
import { handleSend } from './send.js';
import { handleSignup, handleSignups } from './signups-api.js';
import { handleTemplate, handleTemplates, handleUnpause } from './templates-api.js';
import { handleUpload, handleUploadStart } from './uploads-api.js';

const VERSION = /^v\d+\.\d+$/;

/** What `/{id}/{edge}` does, by edge and allowed methods. */
const EDGES: Record<string, readonly [string, (call: GraphCall) => void]> = {
  media: ['POST', handleMediaUpload],
  uploads: ['POST', handleUploadStart],
  message_templates: ['GET POST DELETE', handleTemplates],
  unpause: ['POST', handleUnpause],
  phone_numbers: ['GET', handlePhoneNumbers],
  subscribed_apps: ['GET POST DELETE', handleSubscribedApps],
  whatsapp_business_profile: ['GET POST', handleProfile],
  whatsapp_business_encryption: ['GET POST', handleEncryption],
  block_users: ['GET POST DELETE', handleBlockUsers],
  product_catalogs: ['GET', handleProductCatalogs],
  products: ['GET', handleProducts],
  whatsapp_commerce_settings: ['GET POST', handleCommerceSettings],
  flows: ['GET POST', handleFlows],
  assets: ['GET POST', handleFlowAssets],
  publish: ['POST', handleFlowPublish],
  deprecate: ['POST', handleFlowDeprecate],
  signups: ['GET POST', handleSignups],
  register: ['POST', connect('CONNECTED')],
  deregister: ['POST', connect('DISCONNECTED')],
  subscriptions: ['POST', ({ response }) => respondJson(response, { success: true })],
};

/** Answers one call of the Graph API. Throws a GraphError for whatever Meta would refuse. */
export function routeGraph(
  world: World,
  request: IncomingMessage,
  response: ServerResponse,
  bytes: Buffer,
  path: string,
  search: string,
): void {
  const segments = path.split('/').filter((segment) => segment !== '');
  if (VERSION.test(segments[0] ?? '')) {
    segments.shift();
  }
  const query = new URLSearchParams(search);
  if (segments[0] === 'whatsapp_business') {
    if (segments[1] === 'flow') {
      handleFlowDownload(world, response, query);
    } else {
      handleDownload(world, request, response, query);
    }
    return;
  }
  const token = tokenOf(request, query);
  const method = request.method ?? 'GET';
  const [id, edge, ...rest] = segments;
  if (id === undefined || rest.length > 0) {
    throw badParam('Unknown path components.');
  }
  if (method === 'POST' && (edge === 'messages' || edge === 'marketing_messages')) {
    handleSend(world, request, response, id, token, bytes, edge === 'marketing_messages');
    return;
  }
  const url = `${world.ownUrl}${path}${search}`;
  const call: GraphCall = { world, method, id, token, query, url, bytes, request, response };
  if (id === 'signups' && edge !== undefined) {
    handleSignup(call, edge);
    return;
  }
  if (edge !== undefined) {
    routeEdge(call, edge);
    return;
  }
  if (id.startsWith('upload:')) {
    handleUpload(call);
    return;
  }
  if (
    !handleMedia(call) &&
    !handleTemplate(call) &&
    !handleFlow(call) &&
    !handleCatalogNode(call) &&
    !handleNode(call)
  ) {
    throw unknownObject(method, id);
  }
}

function routeEdge(call: GraphCall, edge: string): void {
  const [methods, handle] = Object.hasOwn(EDGES, edge) ? (EDGES[edge] as (typeof EDGES)[string]) : [];
  if (handle === undefined) {
    throw badParam(`Unknown path components: /${edge.slice(0, 60)}`);
  }
  if (!methods?.split(' ').includes(call.method)) {
    throw unknownObject(call.method, call.id);
  }
  handle(call);
}

function connect(status: string): (call: GraphCall) => void {
  return (call) => {
    numberOf(call).status = status;
    respondJson(call.response, { success: true });
  };
}
