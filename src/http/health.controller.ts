import { Controller, Get, Header, Res } from '@nestjs/common';
import { ApiExcludeEndpoint } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { register } from 'prom-client';
import { RedisHealth } from '../queues/redis-health.js';
import { OneOf } from './fields.js';
import { Operation } from './operation.js';
import { PUBLIC, RequireScope } from './principal.js';
import { Readiness } from './readiness.js';

class LivenessDto {
  @OneOf(['ok'])
  status: string;
}

class ReadinessDto {
  @OneOf(['ok', 'unavailable'])
  status: string;

  @OneOf(['up', 'down', 'migrations_missing'])
  database: string;

  @OneOf(['up', 'down'], { description: 'Down is no reason not to serve: the work goes on from PostgreSQL.' })
  redis: string;
}

/** What orchestrators and Prometheus ask. */
@Controller()
export class HealthController {
  constructor(
    private readonly readiness: Readiness,
    private readonly redisHealth: RedisHealth,
  ) {}

  @Get('health/live')
  @Operation({
    id: 'getLiveness',
    summary: 'Is the process alive?',
    description: 'Asks nothing but the process itself.',
    tag: 'Health',
    scope: PUBLIC,
    answers: LivenessDto,
  })
  live(): LivenessDto {
    return { status: 'ok' };
  }

  @Get('health/ready')
  @Operation({
    id: 'getReadiness',
    summary: 'Can the process serve?',
    description: '503 when the database is away or migrations are missing. Redis away is 200 with `"redis": "down"`.',
    tag: 'Health',
    scope: PUBLIC,
    answers: ReadinessDto,
  })
  async ready(@Res({ passthrough: true }) reply: FastifyReply): Promise<ReadinessDto> {
    const [database, redis] = await Promise.all([this.readiness.database(), this.redisHealth.ping()]);
    const status = database === 'up' ? 'ok' : 'unavailable';
    void reply.status(database === 'up' ? 200 : 503);
    return { status, database, redis };
  }

  @Get('metrics')
  @Header('content-type', register.contentType)
  @RequireScope(PUBLIC)
  @ApiExcludeEndpoint()
  metrics(): Promise<string> {
    return register.metrics();
  }
}
