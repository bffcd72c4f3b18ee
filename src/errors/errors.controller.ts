import { Controller, Get, Param, Query } from '@nestjs/common';
import { Operation } from '../http/operation.js';
import { ANY_KEY } from '../http/principal.js';
import { ErrorCodeParam, ErrorDto, ErrorListDto, ErrorsQuery, toErrorDto } from './error.dto.js';
import { ErrorsService } from './errors.service.js';

const COMMON = { tag: 'Errors', scope: ANY_KEY, accountScoped: false } as const;

/** The catalogue of errors: where `type` of a problem document points. */
@Controller('errors')
export class ErrorsController {
  constructor(private readonly errors: ErrorsService) {}

  @Get()
  @Operation({
    ...COMMON,
    id: 'listErrors',
    summary: 'List the errors there are',
    description: 'Every `code` of ours and every code of Meta’s that is known: what it means and what to do.',
    answers: ErrorListDto,
    errors: ['bad_cursor'],
  })
  list(@Query() query: ErrorsQuery): ErrorListDto {
    const { rows, nextCursor } = this.errors.list(query);
    return { errors: rows.map(toErrorDto), next_cursor: nextCursor };
  }

  @Get(':code')
  @Operation({
    ...COMMON,
    id: 'getError',
    summary: 'Explain an error',
    description: 'Takes `code` of a problem document, or `graph.code` or `graph.subcode` in it.',
    answers: ErrorDto,
    errors: ['not_found'],
  })
  get(@Param() { code }: ErrorCodeParam): ErrorDto {
    return toErrorDto(this.errors.get(code));
  }
}
