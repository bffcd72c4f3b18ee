import type { Config } from '../../config/config.js';

/** Where Meta asks for the data of a flow, when we answer: `https://…/whatsapp/flow-data/{endpoint_token}`. */
export function flowEndpointUrl(config: Config, endpointToken: string): string {
  const base = config.http.publicBaseUrl ?? `http://localhost:${config.http.port}`;
  return `${base}/${config.http.urlPrefix}/flow-data/${endpointToken}`;
}
