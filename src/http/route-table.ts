import type { FastifyInstance } from 'fastify';

interface Route {
  methods: string[];
  pattern: RegExp;
}

/** Which methods an address has: Fastify knows only whether one fits, and answers 404 for all others. */
export class RouteTable {
  private readonly routes: Route[] = [];

  /** Learns every route that is added from now on. */
  constructor(fastify: FastifyInstance) {
    fastify.addHook('onRoute', ({ method, url }) => {
      if (!url.includes('*')) {
        this.routes.push({ methods: [method].flat().map((name) => name.toUpperCase()), pattern: patternOf(url) });
      }
    });
  }

  /** In alphabetical order; empty where there is no such address. */
  methodsOf(url: string): string[] {
    const [path = ''] = url.split('?');
    const methods = this.routes.filter(({ pattern }) => pattern.test(path)).flatMap((route) => route.methods);
    return [...new Set(methods)].sort();
  }
}

function patternOf(url: string): RegExp {
  const parts = url
    .replace(/\/+$/, '')
    .split('/')
    .map((part) => (part.startsWith(':') ? '[^/]+' : part.replace(/[^\w-]/g, '\\$&')));
  return new RegExp(`^${parts.join('/')}/?$`);
}
