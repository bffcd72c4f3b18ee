import type { IncomingMessage } from 'node:http';
import { GraphError } from './graph-error.js';

/** The bearer token of a request. Tokens starting with EXPIRED or NOPERM are refused as Meta refuses such tokens. */
export function tokenOf(request: IncomingMessage, query: URLSearchParams | undefined): string {
  const header = request.headers.authorization ?? '';
  const token = /^(?:Bearer|OAuth) +(\S+)$/i.exec(header)?.[1] ?? query?.get('access_token') ?? '';
  if (token === '') {
    throw new GraphError(200, '', {
      http: 401,
      message: '(#200) Provide valid access token to access this resource',
      withoutData: true,
    });
  }
  if (token.startsWith('EXPIRED')) {
    throw new GraphError(190, '', {
      message: 'Error validating access token: Session has expired.',
      subcode: 463,
      withoutData: true,
    });
  }
  if (token.startsWith('NOPERM')) {
    throw new GraphError(10, '', {
      message: '(#10) Application does not have permission for this action',
      withoutData: true,
    });
  }
  return token;
}
