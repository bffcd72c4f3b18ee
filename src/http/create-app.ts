import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import fastifyMultipart from '@fastify/multipart';
import type { DynamicModule } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import helmet from 'helmet';
import type { Logger } from 'pino';
import { AppError } from '../common/app-error.js';
import { histogram } from '../common/metrics.js';
import type { Config } from '../config/config.js';
import { NestLogger } from '../config/log.js';
import { ProblemFilter, problemTypes } from './problem.filter.js';
import { RouteTable } from './route-table.js';
import { createValidationPipe } from './validation.js';

/** Largest JSON body of an API call, in bytes. */
const JSON_LIMIT = 1024 * 1024;
/** Meta sends up to 3 MB; a little more costs nothing and loses nothing. */
const WEBHOOK_LIMIT = 4 * 1024 * 1024;
/** Largest uploaded file, in bytes (contract: a CSV has at most 100 MB). */
const FILE_LIMIT = 100 * 1024 * 1024;

const GIVEN_REQUEST_ID = /^[A-Za-z0-9._:-]{1,100}$/;

const requestSeconds = histogram(
  'parley_http_request_seconds',
  'Time to answer a request',
  [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
  ['route', 'method', 'status'],
);

/** Builds the HTTP application, ready to listen. */
export async function createApp(
  module: DynamicModule,
  config: Config,
  logger: Logger,
): Promise<NestFastifyApplication> {
  const adapter = new FastifyAdapter({
    bodyLimit: WEBHOOK_LIMIT,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 600 },
    genReqId: requestIdOf,
    trustProxy: trustedProxies(config.http.trustProxy),
    requestTimeout: 120_000,
    connectionTimeout: 0,
    keepAliveTimeout: 65_000,
    forceCloseConnections: true,
  });
  const app = await NestFactory.create<NestFastifyApplication>(module, adapter, {
    logger: new NestLogger(logger),
    abortOnError: false,
    bodyParser: false,
  });
  const fastify = adapter.getInstance() as unknown as FastifyInstance;
  parseBodies(fastify, `/${config.http.urlPrefix}`);
  observe(fastify, logger, securityHeaders(config.isProduction));
  const routes = new RouteTable(fastify);
  await app.register(fastifyMultipart as never, { limits: { fileSize: FILE_LIMIT, files: 1, fields: 20 } } as never);
  if (config.http.corsOrigins.length > 0) {
    app.enableCors({
      origin: config.http.corsOrigins.includes('*') ? true : config.http.corsOrigins,
      exposedHeaders: [
        'X-Request-Id',
        'Idempotency-Replayed',
        'RateLimit',
        'RateLimit-Policy',
        'Retry-After',
        'ETag',
        'Accept-Ranges',
        'Content-Range',
        'Content-Disposition',
      ],
    });
  }
  app.setGlobalPrefix(config.http.urlPrefix, { exclude: ['health/live', 'health/ready', 'metrics'] });
  app.useGlobalPipes(createValidationPipe());
  app.useGlobalFilters(new ProblemFilter(logger, problemTypes(config.http), routes));
  return app;
}

/**
 * Bodies: what Meta posts (the webhook, the data exchange of flows) stays a Buffer, because its signature covers the bytes
 * and nothing may parse them before it is checked; everything else under the JSON content type is parsed here.
 */
function parseBodies(fastify: FastifyInstance, prefix: string): void {
  const isWebhook = (request: FastifyRequest): boolean => {
    const path = request.url.split('?')[0] ?? '';
    return path.replace(/\/$/, '') === `${prefix}/webhook` || path.startsWith(`${prefix}/flow-data/`);
  };
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body: Buffer, done) => {
    if (isWebhook(request)) {
      done(null, body);
      return;
    }
    if (body.length > JSON_LIMIT) {
      done(new AppError('payload_too_large', `A JSON body may have ${JSON_LIMIT} bytes.`));
      return;
    }
    if (body.length === 0) {
      done(null, undefined);
      return;
    }
    try {
      // Own keys such as __proto__ would swap prototypes when merged; no request of ours has them.
      done(
        null,
        JSON.parse(body.toString('utf8'), (key, value: unknown) => (key === '__proto__' ? undefined : value)),
      );
    } catch (error) {
      done(new AppError('malformed_json', `The body is not JSON: ${(error as Error).message.slice(0, 200)}`));
    }
  });
  fastify.addContentTypeParser('*', { parseAs: 'buffer' }, (request, body: Buffer, done) => {
    if (isWebhook(request) || body.length === 0) {
      done(null, isWebhook(request) ? body : undefined);
      return;
    }
    done(new AppError('unsupported_media_type', 'Send application/json.'));
  });
}

/** Those of helmet, made once: its plugin would make them anew for each answer, at the price of a tenth of a webhook. */
function securityHeaders(isProduction: boolean): Record<string, string> {
  const headers: Record<string, string> = {};
  const recorder = {
    setHeader: (name: string, value: string) => (headers[name.toLowerCase()] = value),
    removeHeader: () => undefined,
  };
  helmet({
    contentSecurityPolicy: {
      directives: { 'script-src': ["'self'", "'unsafe-inline'"], 'upgrade-insecure-requests': null },
    },
    strictTransportSecurity: isProduction,
  })({} as IncomingMessage, recorder as unknown as ServerResponse, () => undefined);
  return headers;
}

function observe(fastify: FastifyInstance, logger: Logger, headers: Readonly<Record<string, string>>): void {
  fastify.addHook('onRequest', (request, reply, next) => {
    void reply.headers(headers).header('x-request-id', request.id);
    next();
  });
  fastify.addHook('onResponse', (request, reply, next) => {
    const route = request.routeOptions.url ?? 'unmatched';
    requestSeconds.observe(
      { route, method: request.method, status: String(reply.statusCode) },
      reply.elapsedTime / 1_000,
    );
    logger.debug(
      {
        context: 'Http',
        request_id: request.id,
        method: request.method,
        route,
        status: reply.statusCode,
        ms: Math.round(reply.elapsedTime),
      },
      'request',
    );
    next();
  });
}

/**
 * A number counts the proxies before us, each of which adds an address: so many are believed. Fastify itself takes a number
 * and then trusts none, because a client that comes past the proxies could write what it likes: whoever sets a count sees to
 * it that none does.
 */
function trustedProxies(setting: string | number | null): string | false | ((address: string, hop: number) => boolean) {
  return typeof setting === 'number' ? (_address, hop) => hop < setting : (setting ?? false);
}

function requestIdOf(request: { headers: Record<string, unknown> }): string {
  const given = request.headers['x-request-id'];
  return typeof given === 'string' && GIVEN_REQUEST_ID.test(given)
    ? given
    : `req_${randomUUID().replaceAll('-', '').slice(0, 20)}`;
}
