import { applyDecorators } from '@nestjs/common';
import { ApiResponse } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import type { ErrorCode } from '../common/app-error.js';
import { Operation } from '../http/operation.js';
import { toMessageDto } from './message.dto.js';
import { SendResultDto } from './send.dto.js';
import type { Sent } from './send.service.js';

export const SEND_ERRORS: ErrorCode[] = [
  'graph_error',
  'graph_outcome_unknown',
  'client_ref_taken',
  'message_expired',
  'contact_blocked',
  'idempotency_in_progress',
  'idempotency_key_reused',
  'rate_limited',
];
export const FREE_FORM_ERRORS: ErrorCode[] = [...SEND_ERRORS, 'outside_service_window'];

/** What all sends answer: 200 when Meta took it, 202 when it waits for its time. */
export function SendOperation(options: {
  id: string;
  summary: string;
  description?: string;
  tag?: string;
  example?: Record<string, unknown>;
  errors: ErrorCode[];
}): MethodDecorator {
  return applyDecorators(
    Operation({ tag: 'Sending', ...options, scope: 'messages:send', answers: SendResultDto }),
    ApiResponse({ status: 202, description: 'Kept for `send_at`.', type: SendResultDto }),
  );
}

export function answerSend({ outcome, result, message }: Sent, reply: FastifyReply): SendResultDto {
  if (outcome === 'scheduled') {
    void reply.status(202);
  }
  return { status: outcome, result, message: toMessageDto(message) };
}
