import { objectsOf, type MetaFlow } from '../meta/api/flows.js';
import { asArray, asObject, idOf, textOf } from '../meta/webhook-payload.js';

type Json = Record<string, unknown>;

/** A flow of Meta's, read. */
export interface SyncedFlow {
  metaFlowId: string;
  name: string;
  status: string;
  categories: string[];
  validationErrors: Json[];
  jsonVersion: string | null;
  /** Null: Meta does not say. */
  endpointUri: string | null;
  /** Whether it can be sent, and what stands in the way; null: Meta does not say. */
  sending: FlowSending | null;
}

/** Meta's word on whether messages with the flow go out. */
export interface FlowSending {
  /** AVAILABLE, LIMITED or BLOCKED. */
  can_send_message: string;
  /** Of the flow and of all above it (WABA, business, app). */
  errors: Json[];
}

const MAX_NAME = 255;
const MAX_WORD = 50;

/** Null for what is no flow. */
export function readFlow(flow: MetaFlow): SyncedFlow | null {
  const metaFlowId = idOf(flow.id);
  const name = textOf(flow.name, MAX_NAME);
  const status = textOf(flow.status, MAX_WORD)?.toUpperCase();
  if (!metaFlowId || !name || !status) {
    return null;
  }
  return {
    metaFlowId,
    name,
    status,
    categories: asArray(flow.categories).flatMap((item) => textOf(item, MAX_WORD) ?? []),
    validationErrors: objectsOf(flow.validation_errors) ?? [],
    jsonVersion: textOf(flow.json_version, MAX_WORD),
    endpointUri: textOf(flow.endpoint_uri),
    sending: sendingOf(flow.health_status),
  };
}

/** Where a flow can be looked at; null when Meta does not say. */
export function readPreview(flow: MetaFlow): { url: string; expiresAt: Date | null } | null {
  const url = textOf(flow.preview?.preview_url);
  if (!url) {
    return null;
  }
  // `+0000` is no zone that all parsers know.
  const expiresAt = new Date(String(flow.preview?.expires_at).replace(/([+-]\d\d)(\d\d)$/, '$1:$2'));
  return { url, expiresAt: Number.isNaN(expiresAt.getTime()) ? null : expiresAt };
}

function sendingOf(value: unknown): FlowSending | null {
  const health = asObject(value);
  const can = textOf(health?.can_send_message, MAX_WORD);
  if (!health || !can) {
    return null;
  }
  const errors = (objectsOf(health.entities) ?? []).flatMap((entity) =>
    (objectsOf(entity.errors) ?? []).map((error) => ({ entity_type: entity.entity_type ?? null, ...error })),
  );
  return { can_send_message: can.toUpperCase(), errors };
}
